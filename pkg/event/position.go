package event

import (
	"errors"
	"fmt"
	"strings"
)

// Position is an event's place in the log: the epoch of the event stream, the
// sequence number of the event's record, and its index within that record.
// Positions are compared as text, which orders the events of a lane totally; ""
// is before every event. Its form is
//
//	0001-384959…-0003
//	^    ^ ^     ^ index, 4 hexadecimal digits
//	|    | sequence number, as the stream assigned it
//	|    number of its digits, 2 hexadecimal digits
//	epoch, 4 hexadecimal digits
//
// The number of digits makes sequence numbers of any length sort. A stream's
// numbers keep one length for years, so positions have a fixed width in practice,
// and keys stay far below the 129 digits that a Kinesis sequence number may have
// (service model of Kinesis, SequenceNumber: "0|([1-9]\d{0,128})").
type Position string

// The limits of a position's parts.
const (
	MaxEpoch          = 1<<16 - 1
	MaxIndex          = 1<<16 - 1
	MaxSequenceDigits = 129
)

// ErrPosition is the error of text that is not a position.
var ErrPosition = errors.New("not a position")

// NewPosition builds a position. It returns ErrPosition if a part exceeds its
// limit or sequence is not a decimal number without leading zeros.
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
	if _, _, ok := p.parts(); !ok {
		return "", fmt.Errorf("parse %q: %w", clip(text), ErrPosition)
	}
	return p, nil
}

// parts splits what NewPosition writes, and accepts nothing else.
func (p Position) parts() (epoch int, sequence string, ok bool) {
	const before, after = len("0001-38"), len("-0003")
	if len(p) <= before+after || p[4] != '-' || p[len(p)-after] != '-' {
		return 0, "", false
	}
	epoch, ok1 := parseHex(p[:4])
	digits, ok2 := parseHex(p[5:before])
	_, ok3 := parseHex(p[len(p)-after+1:])
	sequence = string(p[before : len(p)-after])
	return epoch, sequence, ok1 && ok2 && ok3 && digits == len(sequence) && isSequence(sequence)
}

// parseHex reads what appendHex wrote.
func parseHex(s Position) (n int, ok bool) {
	for i := range len(s) {
		switch c := int(s[i]); {
		case c >= '0' && c <= '9':
			n = n<<4 | (c - '0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | (c - 'a' + 10)
		default:
			return 0, false
		}
	}
	return n, true
}

// Epoch is the epoch of the event stream that carried the event, -1 for "".
func (p Position) Epoch() int {
	if epoch, _, ok := p.parts(); ok {
		return epoch
	}
	return -1
}

// Sequence is the sequence number of the event's record, "" for "".
func (p Position) Sequence() string {
	if _, sequence, ok := p.parts(); ok {
		return sequence
	}
	return ""
}

// Record names the event's record in the event stream, "" for "": all positions
// of a record share this prefix, and prefixes compare as positions do.
func (p Position) Record() string {
	if end := strings.LastIndexByte(string(p), '-'); end >= 0 {
		return string(p[:end])
	}
	return string(p)
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
