package keyfiles

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"reprise/pkg/personal"
)

// MasterName is the name of the file with the master key.
const MasterName = "master.key"

const (
	masterForm  = "reprise-master-key-1 "
	masterBytes = 64
)

// ErrMaster means that the master key is lost, or is not the one that wrapped the keys.
// Only the right file helps.
var ErrMaster = errors.New("the master key of the personal fields is missing or another one")

// Master wraps keys with the master key of a file; it implements personal.Wrapper. The
// form of wrapping is AES-SIV, which was made for it. Master is safe for concurrent use.
type Master struct {
	mu     sync.Mutex
	fs     vfs.FS
	dir    string
	random io.Reader
	box    *subtle.AESSIV
}

// NewMaster uses the master key of a directory, which is made when the first key is
// wrapped.
func NewMaster(fs vfs.FS, dir string, random io.Reader) *Master {
	return &Master{fs: fs, dir: dir, random: random}
}

// Wrap implements personal.Wrapper.
func (m *Master) Wrap(_ context.Context, key []byte, purpose string) ([]byte, error) {
	box, err := m.open(true)
	if err != nil {
		return nil, err
	}
	return box.EncryptDeterministically(key, []byte(purpose))
}

// Unwrap implements personal.Wrapper. Its errors are also ErrMaster.
func (m *Master) Unwrap(_ context.Context, wrapped []byte, purpose string) ([]byte, error) {
	box, err := m.open(false)
	if err != nil {
		return nil, err
	}
	key, err := box.DecryptDeterministically(wrapped, []byte(purpose))
	if err != nil {
		return nil, m.wrong("is not the one that wrapped the keys of this data directory")
	}
	return key, nil
}

func (m *Master) path() string { return m.fs.PathJoin(m.dir, MasterName) }

func (m *Master) wrong(what string) error {
	return fmt.Errorf("%s %s: %w: %w: restore the file from a backup; without it no personal field can be read",
		m.path(), what, ErrMaster, personal.ErrUnwrap)
}

// open reads the master key, or makes it if create is set and there is none.
func (m *Master) open(create bool) (*subtle.AESSIV, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.box != nil {
		return m.box, nil
	}
	raw, err := m.read()
	if errors.Is(err, os.ErrNotExist) {
		if !create {
			return nil, m.wrong("is missing")
		}
		raw, err = m.make()
	}
	if err != nil {
		return nil, err
	}
	m.box, err = subtle.NewAESSIV(raw)
	return m.box, err
}

func (m *Master) read() ([]byte, error) {
	file, err := m.fs.Open(m.path())
	if err != nil {
		return nil, fmt.Errorf("open the master key: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, 4096))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	encoded, found := strings.CutPrefix(strings.TrimSpace(string(text)), masterForm)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(raw) != masterBytes {
		return nil, m.wrong("has no master key")
	}
	return raw, nil
}

// make makes a master key. It is durable before anything is wrapped with it.
func (m *Master) make() ([]byte, error) {
	raw := make([]byte, masterBytes)
	if _, err := io.ReadFull(m.random, raw); err != nil {
		return nil, fmt.Errorf("make a master key: %w", err)
	}
	text := masterForm + base64.StdEncoding.EncodeToString(raw) + "\n"
	if err := m.write(text); err != nil {
		return nil, fault("write the master key", err)
	}
	return raw, nil
}

func (m *Master) write(text string) error {
	if err := m.fs.MkdirAll(m.dir, dirMode); err != nil {
		return err
	}
	temporary := m.path() + ".new"
	file, err := m.fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = private(temporary)
	if err == nil {
		_, err = io.WriteString(file, text)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := m.fs.Rename(temporary, m.path()); err != nil {
		return err
	}
	return syncDirs(m.fs, m.dir)
}
