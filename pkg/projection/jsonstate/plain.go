package jsonstate

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Plainness is how sure it is that decoding what encoding/json wrote gives the
// value that was written, bit by bit and sharing no memory with another.
type Plainness int

const (
	// unsure types are decoded before every event.
	unsure Plainness = iota
	// plainText types have strings, which are exact where all of them are UTF-8.
	plainText
	// plain types are always exact.
	plain
)

// PlainnessOf judges a type that is carried: numbers, booleans, strings, and
// structs and arrays of them are plain, unless a method or a tag writes one
// otherwise.
func PlainnessOf(t reflect.Type) Plainness {
	if method(reflect.PointerTo(t), marshaler, textMarshaler, unmarshaler, textUnmarshaler) != "" {
		return unsure
	}
	switch t.Kind() {
	case reflect.String:
		if t == reflect.TypeFor[json.Number]() {
			return unsure // "" is written as 0
		}
		return plainText
	case reflect.Array:
		return PlainnessOf(t.Elem())
	case reflect.Struct:
		least := plain
		for i := range t.NumField() {
			least = min(least, plainnessOfField(t.Field(i)))
		}
		return least
	}
	if t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 {
		return plain
	}
	return unsure
}

func plainnessOfField(f reflect.StructField) Plainness {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	// What may be left out, as zero by an IsZero of its own or as the zero that
	// has lost its sign, comes back as another zero.
	whole := f.Type.Kind() >= reflect.Bool && f.Type.Kind() <= reflect.Uintptr || f.Type.Kind() == reflect.String
	if strings.Contains(options, "omit") && (!whole || reflect.PointerTo(f.Type).NumMethod() > 0) {
		return unsure
	}
	return PlainnessOf(f.Type)
}

// Exact reports whether text is what a value of that Plainness decodes from. A
// string that is not UTF-8 is written with the replacement character in it, as
// such or escaped.
func (p Plainness) Exact(text []byte) bool {
	return p == plain || p == plainText &&
		!bytes.Contains(text, []byte(`\ufffd`)) && !bytes.Contains(text, []byte("\uFFFD"))
}
