package jsonstate

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

type evenNumber int

func (*evenNumber) IsZero() bool { return false }

func TestPlainTypes(t *testing.T) {
	for _, c := range []struct {
		of   reflect.Type
		want Plainness
	}{
		{reflect.TypeFor[int64](), plain},
		{reflect.TypeFor[uintptr](), plain},
		{reflect.TypeFor[[3]float32](), plain},
		{reflect.TypeFor[struct {
			A int  `json:",omitempty"`
			B bool `json:"b,omitzero"`
			C time.Duration
		}](), plain},
		{reflect.TypeFor[string](), plainText},
		{reflect.TypeFor[struct {
			A [2]string
			B int
		}](), plainText},
		{reflect.TypeFor[struct {
			A string `json:",omitempty"`
		}](), plainText},
		{reflect.TypeFor[struct {
			A float64 `json:",omitempty"`
		}](), unsure},
		{reflect.TypeFor[struct {
			A evenNumber `json:",omitzero"`
		}](), unsure},
		{reflect.TypeFor[struct {
			A struct{ B float64 } `json:",omitzero"`
		}](), unsure},
		{reflect.TypeFor[json.Number](), unsure},
		{reflect.TypeFor[time.Time](), unsure},
		{reflect.TypeFor[*int](), unsure},
		{reflect.TypeFor[[]int](), unsure},
		{reflect.TypeFor[map[string]int](), unsure},
		{reflect.TypeFor[any](), unsure},
		{reflect.TypeFor[struct{ A struct{ B []byte } }](), unsure},
	} {
		if got := PlainnessOf(c.of); got != c.want {
			t.Errorf("%s: %d, want %d", c.of, got, c.want)
		}
	}
}
