package request

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/event"
)

// Selection decides which events of the buckets that a replay reads are delivered.
type Selection struct {
	from, to  int64 // logged milliseconds, [from, to)
	types     []string
	entities  []string
	prefixes  []string
	attribute *Attribute
}

// Selection returns what a request selects.
func (r Request) Selection() Selection {
	s := Selection{from: -1 << 62, to: 1 << 62, types: r.Types, attribute: r.Attribute}
	if len(r.Prefixes) > 0 { // else the reader reads nothing but the entities
		s.entities, s.prefixes = r.Entities, r.Prefixes
	}
	if r.From != nil {
		s.from = r.From.UnixMilli()
	}
	if r.To != nil {
		s.to = r.To.UnixMilli()
	}
	return s
}

// Wants reports whether an event of the log is delivered: of an entity, logged at a
// time in milliseconds, with its canonical line.
func (s *Selection) Wants(entity string, logged int64, line []byte) (bool, error) {
	if logged < s.from || logged >= s.to || !s.wantsEntity(entity) {
		return false, nil
	}
	if len(s.types) == 0 && s.attribute == nil {
		return true, nil
	}
	parsed, err := event.Parse(string(line))
	if err != nil {
		return false, fmt.Errorf("parse event: %w", err)
	}
	return (len(s.types) == 0 || slices.Contains(s.types, parsed.Type)) && s.attribute.of(&parsed), nil
}

func (s *Selection) wantsEntity(id string) bool {
	if len(s.prefixes) == 0 || slices.Contains(s.entities, id) {
		return true
	}
	return slices.ContainsFunc(s.prefixes, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
}

// of reports whether an event has the attribute with the value; nil is of every one.
func (a *Attribute) of(e *event.Event) bool {
	if a == nil {
		return true
	}
	for _, x := range e.Extensions {
		if x.Name == a.Name {
			return textOf(x.Value) == a.Value
		}
	}
	return false
}

// textOf returns a string's text, and any other value as JSON writes it.
func textOf(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) != nil {
		return value
	}
	return text
}
