package controltest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

// model is the expected content of a table, and every version ever used.
type model struct {
	*suite
	partition string
	docs      map[string]control.Document
	used      []control.Version
}

// testModel compares the table with a map over random sequences of calls.
func (s *suite) testModel(t *testing.T) {
	rapid.Check(t, s.Bounded(func(t *rapid.T) {
		m := &model{suite: s, partition: s.partition(), docs: make(map[string]control.Document)}
		sorts := rapid.SampledFrom([]string{"a", "a#", "ab", "b"})
		t.Repeat(map[string]func(*rapid.T){
			"put":    func(t *rapid.T) { m.putOne(t, sorts.Draw(t, "sort")) },
			"putAll": func(t *rapid.T) { m.putSome(t, rapid.SliceOfNDistinct(sorts, 1, 3, rapid.ID).Draw(t, "sorts")) },
			"delete": func(t *rapid.T) { m.delete(t, sorts.Draw(t, "sort")) },
			"list":   func(t *rapid.T) { m.compare(t, rapid.IntRange(1, 5).Draw(t, "limit")) },
		})
		m.compare(t, 10)
	}))
}

func (m *model) key(sort string) control.Key { return control.Key{Partition: m.partition, Sort: sort} }

// draw returns the stored version, "", or any version ever used.
func (m *model) draw(t *rapid.T, sort string) control.Version {
	choices := append([]control.Version{m.docs[sort].Version, m.docs[sort].Version, ""}, m.used...)
	return rapid.SampledFrom(choices).Draw(t, "previous")
}

func (m *model) record(t *rapid.T, sort string, version control.Version, body []byte) {
	if slices.Contains(m.used, version) {
		t.Fatalf("version %q was used before", version)
	}
	m.used = append(m.used, version)
	m.docs[sort] = control.Document{Key: m.key(sort), Version: version, Body: body}
}

func drawBody(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "body") }

func (m *model) putOne(t *rapid.T, sort string) {
	previous, body := m.draw(t, sort), drawBody(t)
	version, err := m.table.Put(t.Context(), m.key(sort), body, previous)
	if previous != m.docs[sort].Version {
		conformance.WantError(t, "put", err, control.ErrConflict)
		return
	}
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	m.record(t, sort, version, body)
}

func (m *model) putSome(t *rapid.T, sorts []string) {
	writes := make([]control.Write, len(sorts))
	for i, sort := range sorts {
		writes[i] = control.Write{Key: m.key(sort), Body: drawBody(t), Previous: m.draw(t, sort)}
	}
	results, err := m.table.PutAll(t.Context(), writes)
	if err != nil || len(results) != len(writes) {
		t.Fatalf("put all: %v, %v", results, err)
	}
	for i, w := range writes {
		if w.Previous != m.docs[w.Sort].Version {
			conformance.WantError(t, "put all", results[i], control.ErrConflict)
			continue
		}
		doc, err := m.table.Get(t.Context(), w.Key)
		if err = errors.Join(results[i], err); err != nil {
			t.Fatalf("put all: %v", err)
		}
		m.record(t, w.Sort, doc.Version, w.Body)
	}
}

func (m *model) delete(t *rapid.T, sort string) {
	previous := m.draw(t, sort)
	err := m.table.Delete(t.Context(), m.key(sort), previous)
	switch m.docs[sort].Version {
	case "":
		conformance.WantError(t, "delete", err, control.ErrNotFound)
	case previous:
		if err != nil {
			t.Fatalf("delete: %v", err)
		}
		delete(m.docs, sort)
	default:
		conformance.WantError(t, "delete", err, control.ErrConflict)
	}
}

func (m *model) compare(t *rapid.T, limit int) {
	docs := m.list(t, m.partition, "", limit)
	sorts := slices.Sorted(maps.Keys(m.docs))
	if len(docs) != len(sorts) {
		t.Fatalf("have %d documents, want %d", len(docs), len(sorts))
	}
	for i, sort := range sorts {
		want := m.docs[sort]
		if docs[i].Key != want.Key || docs[i].Version != want.Version || string(docs[i].Body) != string(want.Body) {
			t.Fatalf("have %+v, want %+v", docs[i], want)
		}
	}
}
