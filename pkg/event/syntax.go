package event

import "strings"

// The syntax of attributes is checked here instead of by net/url and mime: text
// that was once accepted must stay readable for as long as the log is kept, but
// those packages become stricter from release to release.

// parseURI accepts a URI reference and reports whether it has a scheme. From RFC
// 3986 it checks the form of the scheme, no colon in the first segment of a
// relative path, and complete percent escapes. It accepts characters that should
// be escaped (ü, blanks), as CloudEvents libraries do.
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

// MediaType splits a media type with parameters (RFC 2045, section 5.1). It
// returns type/subtype and the charset parameter, both in lower case, "" without
// a charset, and whether the text is a media type at all. Different charsets are
// joined with commas, so that the result matches no charset.
func MediaType(s string) (kind, charset string, ok bool) {
	rest, ok := cutToken(s)
	if !ok || !strings.HasPrefix(rest, "/") {
		return "", "", false
	}
	if rest, ok = cutToken(rest[1:]); !ok {
		return "", "", false
	}
	kind = strings.ToLower(s[:len(s)-len(rest)])
	for s = strings.TrimLeft(rest, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if s[0] != ';' {
			return "", "", false
		}
		if s = strings.TrimLeft(s[1:], " "); s == "" { // common, although not allowed
			break
		}
		var name, value string
		if name, value, s, ok = cutParameter(s); !ok {
			return "", "", false
		}
		if strings.EqualFold(name, "charset") {
			charset = joinCharset(charset, value)
		}
	}
	return kind, charset, true
}

// joinCharset adds a charset parameter to those before it, unless it is the same.
func joinCharset(before, value string) string {
	value = strings.ToLower(value)
	if before == "" || before == value {
		return value
	}
	return before + "," + value
}

// isUTF8 reports whether text in a charset is UTF-8, which ASCII is too.
func isUTF8(charset string) bool { return charset == "" || charset == "utf-8" || charset == "us-ascii" }

func isJSONType(kind string) bool {
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// cutToken removes the token that s begins with.
func cutToken(s string) (rest string, found bool) {
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	return s[n:], n > 0
}

func isTokenByte(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '@', ',', ';', ':', '\\', '"', '/', '[', ']', '?', '=':
		return false
	}
	return c > ' ' && c < 0x7f
}

// cutParameter removes the parameter that s begins with. Its value is a token
// or a quoted string, whose quotes are resolved.
func cutParameter(s string) (name, value, rest string, found bool) {
	rest, found = cutToken(s)
	if !found || !strings.HasPrefix(rest, "=") {
		return "", "", "", false
	}
	name, s = s[:len(s)-len(rest)], rest[1:]
	if strings.HasPrefix(s, `"`) {
		value, rest, found = cutQuoted(s)
		return name, value, rest, found
	}
	rest, found = cutToken(s)
	return name, s[:len(s)-len(rest)], rest, found
}

// cutQuoted removes the quoted string that s begins with (RFC 9110, section
// 5.6.4), and returns its unquoted value.
func cutQuoted(s string) (value, rest string, found bool) {
	plain := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(plain), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		plain = append(plain, s[i])
	}
	return "", "", false
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
