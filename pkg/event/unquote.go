package event

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote resolves the escapes of a raw string that rawString accepted. A lone
// surrogate becomes an invalid byte, which the check of the attribute refuses.
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

// unicodeEscape reads \uXXXX, or two of them if they are a surrogate pair. It
// returns -1 for a lone surrogate.
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

func hex4(s string) (r rune) {
	for i := range 4 {
		r = r<<4 | rune(unhex(s[i]))
	}
	return r
}
