package event

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of data: deeper texts would cost stack.
const maxDepth = 200

var errSyntax = errors.New("not valid JSON")

// scanner walks a JSON text without building a tree, so that an event's data
// is checked and kept as it is, in one allocation for the whole event.
type scanner struct {
	text string
	at   int
	// spaced is set once white space was skipped inside a value.
	spaced bool
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.spaced = true
			s.at++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	s.skipSpace()
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return errSyntax
	}
	s.at++
	return nil
}

// value skips one value and returns its text.
func (s *scanner) value(depth int) (string, error) {
	first := s.peek()
	start := s.at
	var err error
	switch first {
	case '{':
		err = s.object(depth, func(string) error {
			_, err := s.value(depth + 1)
			return err
		})
	case '[':
		err = s.array(depth, func() error {
			_, err := s.value(depth + 1)
			return err
		})
	case '"':
		_, err = s.rawString()
	case 't':
		err = s.literal("true")
	case 'f':
		err = s.literal("false")
	case 'n':
		err = s.literal("null")
	default:
		err = s.number()
	}
	return s.text[start:s.at], err
}

// object calls member at the value of every member with the raw text between
// the quotes of its name.
func (s *scanner) object(depth int, member func(rawName string) error) error {
	if depth > maxDepth {
		return errSyntax
	}
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		if s.peek() != '"' {
			return errSyntax
		}
		name, err := s.rawString()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		done, err := s.separator('}')
		if done || err != nil {
			return err
		}
	}
}

// array calls element at every element.
func (s *scanner) array(depth int, element func() error) error {
	if depth > maxDepth {
		return errSyntax
	}
	if err := s.expect('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		done, err := s.separator(']')
		if done || err != nil {
			return err
		}
	}
}

func (s *scanner) separator(end byte) (done bool, err error) {
	switch s.peek() {
	case ',':
		s.at++
		return false, nil
	case end:
		s.at++
		return true, nil
	}
	return false, errSyntax
}

func (s *scanner) literal(word string) error {
	if !strings.HasPrefix(s.text[s.at:], word) {
		return errSyntax
	}
	s.at += len(word)
	return nil
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

func (s *scanner) next(cs string) bool {
	if s.at < len(s.text) && strings.IndexByte(cs, s.text[s.at]) >= 0 {
		s.at++
		return true
	}
	return false
}

func (s *scanner) number() error {
	s.next("-")
	if !s.next("0") && s.digits() == 0 {
		return errSyntax
	}
	if s.next(".") && s.digits() == 0 {
		return errSyntax
	}
	if s.next("eE") {
		s.next("+-")
		if s.digits() == 0 {
			return errSyntax
		}
	}
	return nil
}

// rawString skips a string and returns what stands between its quotes.
func (s *scanner) rawString() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[start : s.at-1], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return "", err
			}
		case c < 0x20:
			return "", errSyntax
		default:
			s.at++
		}
	}
	return "", errSyntax
}

func (s *scanner) escape() error {
	s.at++
	if s.next(`"\/bfnrt`) {
		return nil
	}
	if !s.next("u") || s.at+4 > len(s.text) {
		return errSyntax
	}
	for range 4 {
		if !s.next("0123456789abcdefABCDEF") {
			return errSyntax
		}
	}
	return nil
}

// unquote resolves the escapes of a raw string that rawString accepted. A lone
// surrogate becomes the replacement character's invalid cousin, an invalid
// byte, so that the check of the attribute refuses it.
func unquote(raw string) string {
	at := strings.IndexByte(raw, '\\')
	if at < 0 {
		return raw
	}
	out := append(make([]byte, 0, len(raw)), raw[:at]...)
	for at < len(raw) {
		if raw[at] != '\\' {
			out = append(out, raw[at])
			at++
			continue
		}
		if raw[at+1] != 'u' {
			out = append(out, unescaped(raw[at+1]))
			at += 2
			continue
		}
		r, used := unicodeEscape(raw[at:])
		at += used
		if r < 0 {
			out = append(out, 0xff)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// unicodeEscape reads \uXXXX, with a second one where the first is a high
// surrogate. It returns -1 for a lone surrogate.
func unicodeEscape(s string) (r rune, used int) {
	r = hex4(s[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(s[8:12])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return -1, 6
}

func hex4(s string) rune {
	var r rune
	for i := range 4 {
		c := rune(s[i])
		switch {
		case c <= '9':
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | c
	}
	return r
}
