package event

import (
	"errors"
	"fmt"
	"strconv"
)

// Position is an event's place in the log: the epoch of the event stream, the
// sequence number of the record that brought it, and its index within that
// record. Positions compare as text, totally within a lane; "" is before every
// event. Its form is
//
//	0001-384959…-0003
//	^    ^ ^     ^ index, 4 hexadecimal digits
//	|    | sequence number, as the stream gave it
//	|    number of its digits, 2 hexadecimal digits
//	epoch, 4 hexadecimal digits
//
// The count of digits makes numbers of any length sort. A stream's numbers
// have one length for years, so positions have a fixed width in practice, and
// no key carries the 129 digits that a Kinesis sequence number may have
// (service model of Kinesis, SequenceNumber: "0|([1-9]\d{0,128})").
type Position string

// The limits of a position's parts.
const (
	MaxEpoch          = 1<<16 - 1
	MaxIndex          = 1<<16 - 1
	MaxSequenceDigits = 129
)

// ErrPosition is the error of a text that is no position.
var ErrPosition = errors.New("not a position")

// NewPosition builds a position. It fails where a part passes its limit or
// sequence is no decimal number without leading zeros.
func NewPosition(epoch int, sequence string, index int) (Position, error) {
	if epoch < 0 || epoch > MaxEpoch || index < 0 || index > MaxIndex || !isSequence(sequence) {
		return "", fmt.Errorf("build position of epoch %d, sequence number %q, index %d: %w",
			epoch, clip(sequence), index, ErrPosition)
	}
	b := make([]byte, 0, 4+1+2+len(sequence)+1+4)
	b = append(appendHex(b, epoch, 4), '-')
	b = append(appendHex(b, len(sequence), 2), sequence...)
	return Position(appendHex(append(b, '-'), index, 4)), nil
}

func appendHex(b []byte, n, width int) []byte {
	const digits = "0123456789abcdef"
	for shift := (width - 1) * 4; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return b
}

func isSequence(s string) bool {
	if s == "" || len(s) > MaxSequenceDigits || (s[0] == '0' && len(s) > 1) {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ParsePosition checks that text is a position other than "".
func ParsePosition(text string) (Position, error) {
	p := Position(text)
	epoch, sequence, index, ok := p.parts()
	if !ok {
		return "", fmt.Errorf("parse %q: %w", clip(text), ErrPosition)
	}
	same, err := NewPosition(epoch, sequence, index)
	if err != nil || same != p {
		return "", fmt.Errorf("parse %q: %w", clip(text), ErrPosition)
	}
	return p, nil
}

func (p Position) parts() (epoch int, sequence string, index int, ok bool) {
	const overhead = 4 + 1 + 2 + 1 + 4
	if len(p) <= overhead || p[4] != '-' || p[len(p)-5] != '-' {
		return 0, "", 0, false
	}
	e, err1 := strconv.ParseUint(string(p[:4]), 16, 16)
	i, err2 := strconv.ParseUint(string(p[len(p)-4:]), 16, 16)
	return int(e), string(p[7 : len(p)-5]), int(i), err1 == nil && err2 == nil
}

// Epoch is the epoch of the event stream that brought the event, -1 for "".
func (p Position) Epoch() int {
	if epoch, _, _, ok := p.parts(); ok {
		return epoch
	}
	return -1
}

// Sequence is the sequence number of the record that brought the event.
func (p Position) Sequence() string {
	_, sequence, _, _ := p.parts()
	return sequence
}

// CompareSequences orders two sequence numbers, which may differ in length.
// "" comes before every number.
func CompareSequences(a, b string) int {
	switch {
	case len(a) != len(b):
		return len(a) - len(b)
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
