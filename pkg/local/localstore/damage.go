package localstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	cockroach "github.com/cockroachdb/errors"
	"github.com/cockroachdb/pebble/v2"

	"reprise/pkg/storefault"
)

// ErrDamaged means that a part of the directory cannot be read: its checksum is
// wrong, or a file is cut or missing. The rest can be read and written. A retry
// cannot help; only a backup can.
var ErrDamaged = storefault.ErrDamaged

// DamagedError is an ErrDamaged with the file at fault. Its text has no keys and
// no values.
type DamagedError struct {
	// File is the name of the file in the data directory, "" if unknown.
	File  string
	cause error
}

// Error implements error.
func (e *DamagedError) Error() string {
	if e.File == "" {
		return ErrDamaged.Error()
	}
	return fmt.Sprintf("%s: file %s cannot be read", ErrDamaged, e.File)
}

// Unwrap implements errors.Unwrap.
func (e *DamagedError) Unwrap() []error { return []error{ErrDamaged, e.cause} }

// Damage is a file of which a part cannot be read.
type Damage struct {
	File string
	// First and Last describe the smallest and the largest key of the file, in a
	// form that shows no contents. Only some of the keys between them are damaged.
	First, Last string
	// At is when the damage was found.
	At time.Time
}

// maxDamages limits the files that are remembered.
const maxDamages = 100

// damages remembers which files are damaged since the directory was opened. It
// is safe for concurrent use.
type damages struct {
	describe map[string]func(key []byte) string
	now      func() time.Time

	mu    sync.Mutex
	found []Damage
}

// report is called by Pebble for every read of a damaged file. Pebble's default
// would end the process.
func (d *damages) report(info pebble.DataCorruptionInfo) {
	file := filepath.Base(info.Path)
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.found {
		if d.found[i].File == file {
			return
		}
	}
	if len(d.found) < maxDamages {
		d.found = append(d.found, Damage{
			File:  file,
			First: d.key(info.Bounds.Start),
			Last:  d.key(info.Bounds.End.Key),
			At:    d.now(),
		})
	}
}

func (d *damages) all() []Damage {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Damage(nil), d.found...)
}

func (d *damages) none() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.found) == 0
}

// damagedLog finds the number of a damaged write-ahead log in the details of an
// error.
var damagedLog = regexp.MustCompile(`replaying wal (\d+)`)

// readError adds the damaged file to an error of Pebble and drops its text, which
// may show keys. Other errors stay as they are.
func readError(verb string, err error) error {
	if !pebble.IsCorruptionError(err) {
		return fmt.Errorf("%s: %w", verb, err)
	}
	damaged := &DamagedError{cause: err}
	if wal := damagedLog.FindStringSubmatch(cockroach.FlattenDetails(err)); wal != nil {
		damaged.File = wal[1] + ".log"
	}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		damaged.File = filepath.Base(info.Path)
	}
	return fmt.Errorf("%s: %w", verb, damaged)
}

// Damages lists the damaged files that were found since the directory was opened,
// at most 100.
func (d *DB) Damages() []Damage { return d.damages.all() }

// key describes a key without showing it: its space, what the space's own
// description says, and the beginning of its hash, by which somebody who knows a
// key can recognise it.
func (d *damages) key(full []byte) string {
	name, key, found := bytes.Cut(full, []byte{0})
	if !found {
		return "nothing"
	}
	text := string(name)
	if describe := d.describe[text]; describe != nil {
		if about := describe(key); about != "" {
			text += ", " + about
		}
	}
	sum := sha256.Sum256(full)
	return text + ", key hash " + hex.EncodeToString(sum[:6])
}
