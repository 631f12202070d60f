package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// TestKeysOfDifferentUpdatesDiffer moves a character from one part to the next, which must
// not give the same key.
func TestKeysOfDifferentUpdatesDiffer(t *testing.T) {
	of := func(system, name, source, id, part string) string {
		return gateway.Key(&event.Event{Source: source, ID: id}, system, name, part)
	}
	keys := []string{
		of("ab", "c", "s", "1", ""), of("a", "bc", "s", "1", ""), of("ab", "c", "s1", "", ""),
		of("ab", "c", "s", "2", ""), of("", "abc", "s", "1", ""), of("ab", "c", "s", "1", "x"),
		gateway.CorrectionKey("k", "r", "send"), gateway.CorrectionKey("k", "r", "undo"),
		gateway.CorrectionKey("kr", "", "send"),
	}
	seen := make(map[string]int)
	for i, key := range keys {
		if other, found := seen[key]; found {
			t.Errorf("updates %d and %d have one key", other, i)
		}
		seen[key] = i
	}
	if of("ab", "c", "s", "1", "") != keys[0] {
		t.Error("the key of a redelivered event differs")
	}
}

// declaring is a service that only declares.
type declaring struct {
	types []string
	calls []gateway.Call
}

func (d declaring) Name() string          { return "declaring" }
func (d declaring) Version() int          { return 1 }
func (d declaring) Types() []string       { return d.types }
func (d declaring) Calls() []gateway.Call { return d.calls }
func (d declaring) React(context.Context, *gateway.Reaction, gateway.Gateway) error {
	return nil
}

func TestWrongDeclarationsAreRefused(t *testing.T) {
	update := gateway.Call{System: "mail", Name: "welcome", Kind: gateway.Updating}
	query := gateway.Call{System: "rates", Name: "rate", Kind: gateway.Asking}
	with := func(c gateway.Call, change func(*gateway.Call)) gateway.Call {
		change(&c)
		return c
	}
	if _, err := gateway.Declared(declaring{[]string{"a"}, []gateway.Call{update, query}}); err != nil {
		t.Fatal(err)
	}
	changed := func(c gateway.Call, change func(*gateway.Call)) []gateway.Call {
		return []gateway.Call{with(c, change)}
	}
	some := []string{"a"}
	for name, c := range map[string]struct {
		types []string
		calls []gateway.Call
		says  string
	}{
		"no types":       {nil, nil, "no types"},
		"twice":          {some, []gateway.Call{update, update}, "twice"},
		"no kind":        {some, changed(update, func(c *gateway.Call) { c.Kind = "" }), "kind"},
		"a bad name":     {some, changed(update, func(c *gateway.Call) { c.Name = "A/b" }), "lower-case"},
		"unknown undo":   {some, changed(update, func(c *gateway.Call) { c.Compensation = "x" }), "compensation"},
		"undoes itself":  {some, changed(update, func(c *gateway.Call) { c.Compensation = "welcome" }), "compensation"},
		"query undone":   {some, changed(query, func(c *gateway.Call) { c.Compensation = "x" }), "no compensation"},
		"update as of":   {some, changed(update, func(c *gateway.Call) { c.AsOf = true }), "asked about"},
		"for too long":   {some, changed(update, func(c *gateway.Call) { c.Timeout = 2 * gateway.MaxTimeout }), "timeout"},
		"default update": {some, changed(update, func(c *gateway.Call) { c.Default = []byte("1") }), "default"},
	} {
		_, err := gateway.Declared(declaring{c.types, c.calls})
		if !errors.Is(err, gateway.ErrDeclaration) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
