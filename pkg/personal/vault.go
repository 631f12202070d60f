package personal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"reprise/pkg/personal/sealed"
)

// Lifetime is how long a process may use a key that it has read. An erasure is effective
// in the process that carries it out at once, and in every other within this time.
const Lifetime = time.Minute

const (
	// maxCached bounds the keys that a process keeps in its memory.
	maxCached = 10_000
	// unwrapping bounds the calls of the wrapper at a time.
	unwrapping = 32
	// dataKeyBytes is the length of AES-SIV keys with 256 bits each.
	dataKeyBytes = 64
	rootBytes    = 32
)

// Vault seals, reveals and erases. A nil Vault is that of a platform without personal
// fields: it changes nothing. It is safe for concurrent use; it must not be copied.
type Vault struct {
	rules   *sealed.Compiled
	keys    Keys
	wrapper Wrapper
	now     func() time.Time
	random  io.Reader

	mu   sync.Mutex
	root []byte
	held map[sealed.Ref]held
	// erasures counts those of this process: what was read before one is not kept.
	erasures int
}

// held is a row that was read a short time ago, with its opened key.
type held struct {
	row   Row
	known bool
	key   *dataKey
	until time.Time
}

// Config are the parts of a Vault. All are required.
type Config struct {
	Rules   sealed.Rules
	Keys    Keys
	Wrapper Wrapper
	Now     func() time.Time
	Random  io.Reader
}

// New makes a vault, nil if nothing is declared. It reads and writes nothing. Its error is
// sealed.ErrRules.
func New(c Config) (*Vault, error) {
	if len(c.Rules) == 0 {
		return nil, nil
	}
	rules, err := c.Rules.Compile()
	if err != nil {
		return nil, err
	}
	return &Vault{rules: rules, keys: c.Keys, wrapper: c.Wrapper, now: c.Now, random: c.Random,
		held: make(map[sealed.Ref]held)}, nil
}

// Open looks whether the wrapper is that of the stored keys, if there are any. Errors:
// ErrUnwrap.
func (v *Vault) Open(ctx context.Context) error {
	if v == nil {
		return nil
	}
	_, err := v.secret(ctx, false)
	return err
}

// Finish completes the erasures that were interrupted.
func (v *Vault) Finish(ctx context.Context) error {
	if v == nil {
		return nil
	}
	return v.keys.Finish(ctx)
}

// rootRef is the row of the secret from which references are derived.
var rootRef sealed.Ref

const purposeRoot = "root"

// secret returns the secret from which references to data subjects are derived, which it
// makes first if make is set; nil if there is none.
func (v *Vault) secret(ctx context.Context, create bool) ([]byte, error) {
	v.mu.Lock()
	root := v.root
	v.mu.Unlock()
	if root != nil {
		return root, nil
	}
	for range 2 {
		rows, err := v.keys.Load(ctx, []sealed.Ref{rootRef})
		if err != nil {
			return nil, err
		}
		row, found := rows[rootRef]
		if found {
			if root, err = v.wrapper.Unwrap(ctx, row.Wrapped, purposeRoot); err != nil {
				return nil, fmt.Errorf("open the secret of references: %w", err)
			}
			v.mu.Lock()
			v.root = root
			v.mu.Unlock()
			return root, nil
		}
		if !create {
			return nil, nil
		}
		if err := v.makeRoot(ctx); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the secret of references was not kept")
}

// makeRoot makes the secret, unless another writer is first.
func (v *Vault) makeRoot(ctx context.Context) error {
	key, err := v.newKey(ctx, purposeRoot, rootBytes)
	if err != nil {
		return err
	}
	return v.keys.Create(ctx, []NewKey{{Ref: rootRef, Wrapped: key.wrapped}}, v.now())
}

func (v *Vault) newKey(ctx context.Context, purpose string, length int) (key newKey, err error) {
	key.raw = make([]byte, length)
	if _, err := io.ReadFull(v.random, key.raw); err != nil {
		return newKey{}, fmt.Errorf("make a key: %w", err)
	}
	if key.wrapped, err = v.wrapper.Wrap(ctx, key.raw, purpose); err != nil {
		return newKey{}, fmt.Errorf("wrap a key: %w", err)
	}
	return key, nil
}

// mac is HMAC-SHA-256 of parts, each with its length before it.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash takes everything
		_, _ = io.WriteString(h, part)
	}
	return h.Sum(nil)
}

// refTo is the reference to a data subject.
func refTo(root []byte, subject string) (ref sealed.Ref) {
	copy(ref[:], mac(root, "data subject", subject))
	return ref
}

// dataKey seals and opens the values of a data subject.
type dataKey struct {
	box   *subtle.AESSIV
	salts []byte
}

func newDataKey(raw []byte) (*dataKey, error) {
	box, err := subtle.NewAESSIV(raw)
	if err != nil {
		return nil, fmt.Errorf("use a key: %w", err)
	}
	return &dataKey{box: box, salts: mac(raw, "salts of places")}, nil
}

// rowsOf returns the rows of subjects with their opened keys, from the memory if they were
// read a short time ago. made are keys that were made here.
func (v *Vault) rowsOf(
	ctx context.Context, refs []sealed.Ref, made map[sealed.Ref]newKey,
) (map[sealed.Ref]held, error) {
	now := v.now()
	all := make(map[sealed.Ref]held, len(refs))
	var missing []sealed.Ref
	v.mu.Lock()
	erasures := v.erasures
	for _, ref := range refs {
		if h, found := v.held[ref]; found && now.Before(h.until) {
			all[ref] = h
		} else {
			missing = append(missing, ref)
		}
	}
	v.mu.Unlock()
	if len(missing) == 0 {
		return all, nil
	}
	rows, err := v.keys.Load(ctx, missing)
	if err != nil {
		return nil, err
	}
	opened, err := v.unwrap(ctx, rows, made)
	if err != nil {
		return nil, err
	}
	for _, ref := range missing {
		row, known := rows[ref]
		all[ref] = held{row: row, known: known, key: opened[ref], until: now.Add(Lifetime)}
	}
	v.keep(missing, all, erasures)
	return all, nil
}

// keep keeps rows in the memory. A subject without a key is not kept: it may get one.
func (v *Vault) keep(refs []sealed.Ref, all map[sealed.Ref]held, erasures int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.erasures != erasures {
		return
	}
	if len(v.held)+len(refs) > maxCached {
		clear(v.held)
	}
	for _, ref := range refs[:min(len(refs), maxCached)] {
		if h := all[ref]; h.known && h.key != nil {
			v.held[ref] = h
		}
	}
}

func (v *Vault) drop(ref sealed.Ref) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erasures++
	delete(v.held, ref)
}

// dropOlder forgets rows that were read before a key was made that a value names: another
// process has erased the subject, which has come back.
func (v *Vault) dropOlder(latest map[sealed.Ref]uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for ref, generation := range latest {
		if h, found := v.held[ref]; found && h.row.Generation < generation {
			delete(v.held, ref)
		}
	}
}
