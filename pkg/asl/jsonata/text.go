package jsonata

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Encode encodes a value as compact JSON as JavaScript does: whole-number names
// first, other members in their order, whole numbers without exponent or
// fraction.
func Encode(v any) []byte { return appendJSON(nil, v, formatNumber) }

func appendJSON(dst []byte, v any, number func(float64) string) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case float64:
		return append(dst, number(v)...)
	case string:
		return appendString(dst, v)
	case *Object:
		return appendObject(dst, v, number)
	}
	items, _ := list(v)
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, item, number)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, o *Object, number func(float64) string) []byte {
	dst = append(dst, '{')
	for i, key := range o.ordered() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		dst = appendJSON(dst, o.values[key], number)
	}
	return append(dst, '}')
}

// ordered returns the names in JavaScript's order: array indexes by number, then
// the others in the order in which they were added.
func (o *Object) ordered() []string {
	if !slices.ContainsFunc(o.keys, isIndex) {
		return o.keys
	}
	var indexes, names []string
	for _, key := range o.keys {
		if isIndex(key) {
			indexes = append(indexes, key)
		} else {
			names = append(names, key)
		}
	}
	slices.SortFunc(indexes, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return append(indexes, names...)
}

func isIndex(key string) bool {
	n, err := strconv.ParseUint(key, 10, 32)
	return err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == key
}

const hex = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			dst = append(dst, '\\', "btn.fr"[c-'\b'])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}

// formatNumber is ECMAScript's Number::toString.
func formatNumber(f float64) string {
	if f == 0 {
		return "0"
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	// Go writes at least two digits of exponent.
	if n := len(text); text[n-2] == '0' && (text[n-3] == '-' || text[n-3] == '+') {
		text = text[:n-2] + text[n-1:]
	}
	return text
}

// formatRounded formats a number as $string and & do, with 15 significant
// digits, so that 0.1+0.2 becomes 0.3.
func formatRounded(f float64) string {
	if f == math.Trunc(f) {
		return formatNumber(f)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 14, 64), 64)
	if err != nil {
		return formatNumber(f)
	}
	return formatNumber(rounded)
}

// compareStrings orders by UTF-16 code units, as JavaScript does.
func compareStrings(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}
