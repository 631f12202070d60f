package event

import "strings"

// The syntax of attributes is checked here and not by net/url and mime: what
// was accepted once must stay readable for as long as the log is kept, whereas
// those packages grow stricter from release to release.

// parseURI accepts a URI reference and says whether it has a scheme. Of RFC
// 3986 it demands the scheme's form, no colon in the first segment of a
// relative path, and whole percent escapes. It lets pass characters that ought
// to have been escaped (ü, blanks), as readers of CloudEvents do.
func parseURI(s string) (absolute, ok bool) {
	for i := range len(s) {
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false, false
		}
	}
	end := strings.IndexAny(s, ":/?#")
	if end < 0 || s[end] != ':' {
		return false, true
	}
	for i := range end {
		if c := s[i]; !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false, false
		}
	}
	return end > 0, end > 0
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'f') }

// isMediaType accepts a media type with its parameters (RFC 2045, section 5.1).
func isMediaType(s string) bool {
	s, ok := cutToken(s)
	if !ok || !strings.HasPrefix(s, "/") {
		return false
	}
	if s, ok = cutToken(s[1:]); !ok {
		return false
	}
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if s[0] != ';' {
			return false
		}
		if s = strings.TrimLeft(s[1:], " "); s == "" { // common, if not allowed
			return true
		}
		if s, ok = cutToken(s); !ok || !strings.HasPrefix(s, "=") {
			return false
		}
		if s, ok = cutParameter(s[1:]); !ok {
			return false
		}
	}
	return true
}

// cutToken removes the token that s begins with.
func cutToken(s string) (rest string, found bool) {
	n := 0
	for n < len(s) && s[n] > ' ' && s[n] < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, s[n]) < 0 {
		n++
	}
	return s[n:], n > 0
}

// cutParameter removes the token or quoted string that s begins with.
func cutParameter(s string) (rest string, found bool) {
	if !strings.HasPrefix(s, `"`) {
		return cutToken(s)
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[i+1:], true
		}
	}
	return "", false
}

// isBase64 accepts the standard alphabet with padding (RFC 4648, section 4).
func isBase64(s string) bool {
	digits := len(s)
	for digits > 0 && s[digits-1] == '=' && len(s)-digits < 2 {
		digits--
	}
	for i := range digits {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '/' {
			return false
		}
	}
	return len(s)%4 == 0
}
