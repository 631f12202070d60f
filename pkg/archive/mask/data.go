package mask

import (
	"bytes"
	"encoding/json"
	"strings"

	"reprise/pkg/event"
)

// walk rewrites data by the rules of a type.
type walk struct {
	masker *Masker
	refuse bool
}

// problem is a value that the rules do not fit. Its text never has the value.
type problem struct{ where, text string }

func (p *problem) Error() string { return p.where + " " + p.text }

func bad(where, text string) error {
	if where == "" {
		where = "data"
	}
	return &problem{where, text}
}

// value returns the masked value, and whether it is dropped. raw is compact JSON.
func (w *walk) value(n *node, where string, raw []byte) (out []byte, dropped bool, err error) {
	switch {
	case n.do != nil:
		return w.masker.apply(n.do, where, raw)
	case n.empty():
		return raw, false, nil
	case raw[0] == '{':
		out, err = w.object(n, where, raw)
		return out, false, err
	case raw[0] == '[' && n.members == nil:
		out, err = w.array(n, where, raw)
		return out, false, err
	case string(raw) == "null" && n.optional():
		return raw, false, nil
	}
	return nil, false, bad(where, "is not of the shape that the rules expect")
}

func (w *walk) object(n *node, where string, raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, bad(where, "is not JSON")
	}
	out := []byte{'{'}
	found := make(map[string]bool)
	for d.More() {
		start := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			return nil, bad(where, "is not JSON")
		}
		name, _ := token.(string)                                    // the names of members are strings
		written := bytes.TrimLeft(raw[start:d.InputOffset()], ",{ ") // as it was sent
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, bad(where, "is not JSON")
		}
		found[name] = true
		masked, dropped, err := w.member(n, where, name, value)
		if err != nil {
			return nil, err
		}
		if dropped {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, written...), ':'), masked...)
	}
	for name, child := range n.members {
		if !found[name] && !child.optional() {
			return nil, bad(where+"/"+name, "is absent: declare it optional if it may be")
		}
	}
	return append(out, '}'), nil
}

// member masks a member of an object.
func (w *walk) member(n *node, where, name string, value []byte) (out []byte, dropped bool, err error) {
	if child := n.members[name]; child != nil {
		return w.value(child, where+"/"+name, value)
	}
	// encoding/json, which folds events, takes a name in any case.
	for declared := range n.members {
		if strings.EqualFold(declared, name) {
			return nil, false, bad(where+"/"+declared, "is there in another spelling")
		}
	}
	if n.each != nil {
		return w.value(n.each, where+"/*", value)
	}
	if w.refuse {
		return nil, false, bad(where, "has a member that no rule names")
	}
	return value, false, nil
}

func (w *walk) array(n *node, where string, raw []byte) ([]byte, error) {
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, bad(where, "is not JSON")
	}
	out := []byte{'['}
	for _, value := range values {
		masked, dropped, err := w.value(n.each, where+"/*", value)
		if err != nil {
			return nil, err
		}
		if dropped {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, masked...)
	}
	return append(out, ']'), nil
}

// apply does to a value what an action says.
func (m *Masker) apply(a *action, where string, raw []byte) (out []byte, dropped bool, err error) {
	switch a.do {
	case keep:
		return raw, false, nil
	case drop:
		return nil, true, nil
	case replace:
		return a.with, false, nil
	}
	if a.optional && string(raw) == "null" {
		return raw, false, nil
	}
	var text string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return nil, false, bad(where, "is not a text, which alone can be hashed: replace or drop it")
	}
	if a.do == entity {
		a = &m.rules.entities
	}
	return []byte(event.StringExtension("", m.text(a, text)).Value), false, nil
}
