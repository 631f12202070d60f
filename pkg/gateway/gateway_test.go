package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"reprise/pkg/gateway"
)

func TestRefusingLetsNothingThrough(t *testing.T) {
	var g gateway.Gateway = gateway.Refusing{}
	effect := gateway.Effect{System: "mail", Name: "welcome"}
	if err := g.Update(context.Background(), effect); !errors.Is(err, gateway.ErrRefused) {
		t.Errorf("update: %v", err)
	}
	answer, err := g.Query(context.Background(), gateway.Query{System: "rates"})
	if answer != nil || !errors.Is(err, gateway.ErrRefused) {
		t.Errorf("query: %q, %v", answer, err)
	}
}

// TestKeysOfDifferentEffectsDiffer moves a character from one part to the next,
// which must not give the same key.
func TestKeysOfDifferentEffectsDiffer(t *testing.T) {
	effects := []gateway.Effect{
		{System: "ab", Name: "c", Source: "s", ID: "1"}, {System: "a", Name: "bc", Source: "s", ID: "1"},
		{System: "ab", Name: "c", Source: "s1", ID: ""}, {System: "ab", Name: "c", Source: "s", ID: "2"},
		{System: "", Name: "abc", Source: "s", ID: "1"}, {System: "ab", Name: "cs", Source: "", ID: "1"},
	}
	keys := make(map[string]int)
	for i := range effects {
		if other, found := keys[effects[i].Key()]; found {
			t.Errorf("effects %d and %d have one key", other, i)
		}
		keys[effects[i].Key()] = i
	}
	again := effects[0]
	again.Body = []byte("another body")
	if again.Key() != effects[0].Key() {
		t.Error("the body changes the key")
	}
}

func ExampleEffect_Key() {
	first := gateway.Effect{System: "mail", Name: "welcome", Source: "shop", ID: "42"}
	redelivered := gateway.Effect{System: "mail", Name: "welcome", Source: "shop", ID: "42"}
	fmt.Println(first.Key() == redelivered.Key())
	// Output: true
}
