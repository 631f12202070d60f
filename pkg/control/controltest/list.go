package controltest

import (
	"slices"
	"strings"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

// list reads a partition page by page and checks each page.
func (s *suite) list(t conformance.T, partition, after string, limit int) []control.Document {
	t.Helper()
	var all []control.Document
	for {
		docs, err := s.table.List(t.Context(), partition, after, limit)
		if err != nil {
			t.Fatalf("list after %q: %v", after, err)
		}
		if len(docs) > limit {
			t.Fatalf("list: have %d documents, the limit is %d", len(docs), limit)
		}
		for _, doc := range docs {
			if doc.Partition != partition || doc.Sort <= after || doc.Version == "" {
				t.Fatalf("list after %q: have %q of partition %q, version %q", after, doc.Sort, doc.Partition, doc.Version)
			}
			after = doc.Sort
		}
		all = append(all, docs...)
		if len(docs) < limit {
			return all
		}
	}
}

func (s *suite) testListOrder(t *testing.T) {
	partition := s.partition()
	sorts := []string{"a", "a#", "a#b", "a/", "ab", "B", "0", "00", "~", "é", "😀", "\uffee", "%", "-"}
	versions := make(map[string]control.Version)
	for _, sort := range sorts {
		versions[sort] = s.put(t, control.Key{Partition: partition, Sort: sort}, "of "+sort, "")
	}
	slices.Sort(sorts)
	for _, limit := range []int{1, 3, len(sorts), len(sorts) + 1} {
		docs := s.list(t, partition, "", limit)
		if len(docs) != len(sorts) {
			t.Fatalf("pages of %d: have %d documents, want %d", limit, len(docs), len(sorts))
		}
		for i, doc := range docs {
			if doc.Sort != sorts[i] || string(doc.Body) != "of "+doc.Sort || doc.Version != versions[doc.Sort] {
				t.Fatalf("pages of %d: document %d is %+v, want %q", limit, i, doc, sorts[i])
			}
		}
	}
}

func (s *suite) testListPages(t *testing.T) {
	partition := s.partition()
	if docs := s.list(t, partition, "", 5); len(docs) != 0 {
		t.Fatalf("an empty partition has %d documents", len(docs))
	}
	for _, sort := range []string{"b", "d", "f"} {
		s.put(t, control.Key{Partition: partition, Sort: sort}, sort, "")
	}
	for after, want := range map[string]string{
		"": "bdf", "a": "bdf", "b": "df", "b#": "df", "c": "df", "d": "f", "f": "", "z": "",
	} {
		var have strings.Builder
		for _, doc := range s.list(t, partition, after, 2) {
			have.WriteString(doc.Sort)
		}
		if have.String() != want {
			t.Fatalf("list after %q: have %q, want %q", after, have.String(), want)
		}
	}
}

func (s *suite) testListPartitions(t *testing.T) {
	base := s.partition()
	suffixes := []string{"a", "a#", "ab", "a#x", "a/", "b"}
	for _, suffix := range suffixes {
		s.put(t, control.Key{Partition: base + suffix, Sort: "in " + suffix}, "", "")
	}
	for _, suffix := range suffixes {
		docs := s.list(t, base+suffix, "", 10)
		if len(docs) != 1 || docs[0].Sort != "in "+suffix {
			t.Fatalf("partition %q: have %+v", suffix, docs)
		}
	}
}

// testListLarge lists more than one call of DynamoDB returns: an adapter must go
// on until the limit, since fewer documents mean the end.
func (s *suite) testListLarge(t *testing.T) {
	keys := s.keys(12)
	body := strings.Repeat("b", control.MaxBodyBytes)
	for i := range keys {
		keys[i].Partition = keys[0].Partition
		s.put(t, keys[i], body, "")
	}
	docs, err := s.table.List(t.Context(), keys[0].Partition, "", len(keys))
	if err != nil || len(docs) != len(keys) {
		t.Fatalf("have %d documents, %v; want %d", len(docs), err, len(keys))
	}
	if docs, err = s.table.GetAll(t.Context(), keys); err != nil || len(docs) != len(keys) {
		t.Fatalf("have %d documents, %v; want %d", len(docs), err, len(keys))
	}
	for _, doc := range docs {
		if string(doc.Body) != body {
			t.Fatalf("body of %q has %d bytes", doc.Sort, len(doc.Body))
		}
	}
}
