package jsonstate

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Plainness says how certainly decoding what encoding/json wrote gives the written
// value, bit by bit and without sharing memory with another value.
type Plainness int

const (
	// unsure types have to be decoded.
	unsure Plainness = iota
	// plainText types contain strings, and are exact if all of those are UTF-8.
	plainText
	// plain types are always exact.
	plain
)

// PlainnessOf judges a type that Carried accepts: numbers, booleans, strings, and
// structs and arrays of them are plain, unless a method or a tag changes how they
// are written.
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
	// A value that is left out, because its IsZero says so or because it is a
	// negative zero, comes back as another zero.
	whole := f.Type.Kind() >= reflect.Bool && f.Type.Kind() <= reflect.Uintptr || f.Type.Kind() == reflect.String
	if strings.Contains(options, "omit") && (!whole || reflect.PointerTo(f.Type).NumMethod() > 0) {
		return unsure
	}
	return PlainnessOf(f.Type)
}

// Exact reports whether decoding text, written from a value of that Plainness, gives
// the same value. A string that is not UTF-8 is written with the replacement
// character, as such or escaped.
func (p Plainness) Exact(text []byte) bool {
	return p == plain || p == plainText &&
		!bytes.Contains(text, []byte(`\ufffd`)) && !bytes.Contains(text, []byte("\uFFFD"))
}
