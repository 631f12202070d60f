package event

import (
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of data, and so the scanner's use of the stack.
const maxDepth = 200

// The scanner's own errors. Nothing after one can be read.
var (
	errSyntax = invalid("", "the text is not valid JSON")
	errDepth  = invalid("", "the text is nested more than %d levels deep", maxDepth)
)

// scanner walks a JSON text without building a tree, so that an event's data is
// checked and kept as it is. Its time and stack depth are bounded for any text.
type scanner struct {
	text string
	at   int
	// spaced is set once white space was skipped.
	spaced bool
	// valid says that the whole text is UTF-8. If not, each of its parts must be
	// checked.
	valid bool
}

func newScanner(text string) *scanner { return &scanner{text: text, valid: utf8.ValidString(text)} }

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

// object calls member for every member, with the raw text of its name. member
// must read the value.
func (s *scanner) object(depth int, member func(rawName string) error) error {
	if depth > maxDepth {
		return errDepth
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

// array calls element for every element, which element must read.
func (s *scanner) array(depth int, element func() error) error {
	if depth > maxDepth {
		return errDepth
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

// rawString skips a string and returns the raw text between its quotes.
func (s *scanner) rawString() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.at
	for i := start; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return s.text[start:i], nil
		case c == '\\':
			s.at = i
			if err := s.escape(); err != nil {
				return "", err
			}
			i = s.at - 1
		case c < 0x20:
			return "", errSyntax
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

// compact returns a value that the scanner accepted without the white space
// between its tokens.
func compact(value string) string {
	b := make([]byte, 0, len(value))
	inString := false
	for i := 0; i < len(value); i++ {
		c := value[i]
		if !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			continue
		}
		b = append(b, c)
		switch {
		case c == '"':
			inString = !inString
		case c == '\\': // inside a string, and the next byte does not end it
			i++
			b = append(b, value[i])
		}
	}
	return string(b)
}
