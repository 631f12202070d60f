package personaltest

import (
	"bytes"
	"errors"
	"testing"

	"reprise/pkg/personal"
)

// RunWrapper tests a wrapper; other is one with another master key.
func RunWrapper(t *testing.T, w, other personal.Wrapper) {
	key := bytes.Repeat([]byte{5}, 64)
	closed, err := w.Wrap(t.Context(), key, "purpose")
	if err != nil || len(closed) > personal.MaxWrappedBytes || bytes.Contains(closed, key[:16]) {
		t.Fatalf("%x, %v", closed, err)
	}
	if opened, err := w.Unwrap(t.Context(), closed, "purpose"); err != nil || !bytes.Equal(opened, key) {
		t.Errorf("%x, %v", opened, err)
	}
	if _, err := w.Unwrap(t.Context(), closed, "another purpose"); !errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("for another purpose: %v", err)
	}
	if _, err := other.Wrap(t.Context(), key, "purpose"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Unwrap(t.Context(), closed, "purpose"); !errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("with another master key: %v", err)
	}
	closed[len(closed)-1] ^= 1
	if _, err := w.Unwrap(t.Context(), closed, "purpose"); !errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("damaged: %v", err)
	}
}
