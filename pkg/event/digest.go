package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
)

// Digest is a number modulo 2^128. The digests of events add up, in any order,
// to the digest of a set; an event counted twice shows.
type Digest struct{ Hi, Lo uint64 }

// DigestOf is the digest of one event: the first 128 bits of the SHA-256 of its
// position, a zero byte and its canonical encoding.
func DigestOf(at Position, line []byte) Digest {
	var b [160]byte // large enough for any position, to avoid an allocation
	h := sha256.New()
	h.Write(append(append(b[:0], at...), 0))
	h.Write(line)
	return digestFrom(h.Sum(b[:0]))
}

func digestFrom(sum []byte) Digest {
	return Digest{binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}
}

// Add returns d + other modulo 2^128.
func (d Digest) Add(other Digest) Digest {
	lo, carry := bits.Add64(d.Lo, other.Lo, 0)
	hi, _ := bits.Add64(d.Hi, other.Hi, carry)
	return Digest{hi, lo}
}

// Sub returns d − other modulo 2^128.
func (d Digest) Sub(other Digest) Digest {
	lo, borrow := bits.Sub64(d.Lo, other.Lo, 0)
	hi, _ := bits.Sub64(d.Hi, other.Hi, borrow)
	return Digest{hi, lo}
}

// Chain returns the order-dependent digest that follows d once next has been
// applied: the first 128 bits of the SHA-256 of both.
func (d Digest) Chain(next Digest) Digest {
	var b [32]byte
	d.put(b[:16])
	next.put(b[16:])
	sum := sha256.Sum256(b[:])
	return digestFrom(sum[:])
}

func (d Digest) put(b []byte) {
	binary.BigEndian.PutUint64(b, d.Hi)
	binary.BigEndian.PutUint64(b[8:], d.Lo)
}

// String returns 32 hexadecimal digits.
func (d Digest) String() string {
	var b [16]byte
	d.put(b[:])
	return hex.EncodeToString(b[:])
}

// MarshalText and UnmarshalText use the form of String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ErrDigest is the error of text that is not a digest.
var ErrDigest = errors.New("not a digest of 32 hexadecimal digits")

// UnmarshalText reads the form of String and no other.
func (d *Digest) UnmarshalText(text []byte) error {
	var b [16]byte
	if len(text) != hex.EncodedLen(len(b)) {
		return fmt.Errorf("parse digest: %w", ErrDigest)
	}
	if _, err := hex.Decode(b[:], text); err != nil {
		return fmt.Errorf("parse digest: %w", ErrDigest)
	}
	read := digestFrom(b[:])
	if read.String() != string(text) { // upper case
		return fmt.Errorf("parse digest: %w", ErrDigest)
	}
	*d = read
	return nil
}

// Identity is the fingerprint of an event's source and id: two events of an
// entity with the same identity are one event sent twice. It is the first 128
// bits of the SHA-256 of source, a zero byte, which neither can contain, and id.
func (e *Event) Identity() Digest {
	var b [256]byte // large enough for most events, to avoid allocations
	sum := sha256.Sum256(append(append(append(b[:0], e.Source...), 0), e.ID...))
	return digestFrom(sum[:])
}

// ContentOf is the fingerprint of a canonical encoding. It distinguishes a
// repeated event from a different event that reuses its id.
func ContentOf(line []byte) Digest {
	sum := sha256.Sum256(line)
	return digestFrom(sum[:])
}
