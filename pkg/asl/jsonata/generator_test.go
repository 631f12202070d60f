package jsonata

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes expressions of the supported part and values for them.
type generator struct{ rand *rand.Rand }

func (g *generator) pick(choices ...string) string { return choices[g.rand.IntN(len(choices))] }

func (g *generator) name() string { return g.pick("a", "b", "c", "id", "list") }

func (g *generator) literal() string {
	return g.pick("0", "1", "2", "-1", "0.5", "1e2", "100", `""`, `"a"`, `"b"`, `"1"`, "true", "false", "null", "[]", "{}")
}

func (g *generator) root(inContext bool) string {
	if inContext {
		return g.pick("$", g.name(), g.name(), "$v", "$states.input")
	}
	return g.pick("$states.input", "$states.input", "$v", "$w", "$missing")
}

func (g *generator) path(depth int, inContext bool) string {
	var b strings.Builder
	b.WriteString(g.root(inContext))
	for range g.rand.IntN(4) {
		switch g.rand.IntN(6) {
		case 0:
			b.WriteString("[" + g.expr(depth-1, true) + "]")
		case 1:
			b.WriteString("[" + g.pick("0", "1", "-1", "2") + "]")
		case 2:
			if depth > 1 {
				b.WriteString(g.pick(".{"+`"k":`+g.expr(depth-1, true)+"}", ".("+g.expr(depth-1, true)+")"))
			}
		default:
			b.WriteString("." + g.name())
		}
	}
	return b.String()
}

func (g *generator) expr(depth int, inContext bool) string {
	if depth <= 0 {
		return g.pick(g.literal(), g.path(0, inContext), g.path(0, inContext))
	}
	sub := func() string { return g.expr(depth-1-g.rand.IntN(2), inContext) }
	switch g.rand.IntN(12) {
	case 0, 1, 2:
		return g.path(depth, inContext)
	case 3:
		return "(" + sub() + ")" + g.pick("", "", "[0]", "."+g.name())
	case 4:
		return "[" + strings.Join([]string{sub(), sub()}[:1+g.rand.IntN(2)], ",") + "]" +
			g.pick("", "", "", "[0]", "."+g.name())
	case 5:
		return fmt.Sprintf(`{"x":%s,"y":%s}`, sub(), sub())
	case 6:
		return "$" + g.pick("exists", "not", "count", "sum", "max", "string", "number", "merge", "type") + "(" + sub() + ")"
	case 7:
		return sub() + g.pick(" = ", " != ", " < ", " <= ", " > ", " >= ", " in ") + sub()
	case 8:
		return sub() + g.pick(" + ", " - ", " * ", " / ", " & ") + sub()
	case 9:
		return sub() + g.pick(" and ", " or ") + sub()
	case 10:
		return "(" + sub() + " ? " + sub() + " : " + sub() + ")"
	}
	return fmt.Sprintf("[%s..%s]", g.pick("0", "1", "$count("+sub()+")"), g.pick("0", "2", "-1", "$count("+sub()+")"))
}

func (g *generator) value(depth int) any {
	kinds := 8
	if depth <= 0 {
		kinds = 5
	}
	switch g.rand.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return g.rand.IntN(2) == 0
	case 2, 3:
		return []any{0, 1, -1, 2.5, 1e-7, 123456789, 0.1}[g.rand.IntN(7)]
	case 4:
		return g.pick("", "a", "b", "1", "x<y", "é😀")
	case 5:
		list := []any{}
		for range g.rand.IntN(4) {
			list = append(list, g.value(depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range g.rand.IntN(5) {
		object[g.name()] = g.value(depth - 1)
	}
	return object
}

func (g *generator) variables() json.RawMessage {
	var buf strings.Builder
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	object := func() any {
		return map[string]any{
			"a":    g.value(3),
			"b":    g.value(3),
			"c":    g.value(2),
			"id":   g.value(1),
			"list": []any{g.value(2), g.value(2)},
		}
	}
	err := enc.Encode(map[string]any{"states": map[string]any{"input": object()}, "v": g.value(3), "w": object()})
	if err != nil {
		panic(err)
	}
	return json.RawMessage(strings.TrimSpace(buf.String()))
}
