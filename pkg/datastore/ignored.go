package datastore

import (
	"cmp"
	"slices"

	"reprise/pkg/event"
)

const (
	// MaxIgnoredTypes bounds the types that an Ignored names.
	MaxIgnoredTypes = 16
	// maxTypeBytes bounds the bytes that it keeps of a type's name.
	maxTypeBytes = 64
)

// Ignored counts the events of a part of the log that no projection handles, by type,
// duplicates included. The zero value counts none. It depends on the events alone and
// not on their order: it names the MaxIgnoredTypes types that sort first, which are
// counted from their first event on, since a type that sorts first among all types
// does so among those seen so far.
type Ignored struct {
	// Types are ascending by name; a long name is cut.
	Types []TypeCount `json:"types,omitempty"`
	// Others counts the events of all other types.
	Others int64 `json:"others"`
}

// TypeCount is the number of events of a type.
type TypeCount struct {
	Type  string `json:"type"`
	Count int64  `json:"count"`
}

// Total is the number of events of all types.
func (i *Ignored) Total() int64 {
	sum := i.Others
	for _, t := range i.Types {
		sum += t.Count
	}
	return sum
}

// Add counts events of a type. It does not change what i shared with other values.
func (i *Ignored) Add(eventType string, count int64) {
	eventType = event.Excerpt(eventType, maxTypeBytes)
	at, found := slices.BinarySearchFunc(i.Types, eventType, func(t TypeCount, name string) int {
		return cmp.Compare(t.Type, name)
	})
	types := slices.Clone(i.Types)
	switch {
	case found:
		types[at].Count += count
	case at == MaxIgnoredTypes:
		i.Others += count
		return
	default:
		types = slices.Insert(types, at, TypeCount{eventType, count})
	}
	if len(types) > MaxIgnoredTypes {
		i.Others += types[MaxIgnoredTypes].Count
		types = types[:MaxIgnoredTypes]
	}
	i.Types = types
}

// AddAll adds other counts.
func (i *Ignored) AddAll(o Ignored) {
	for _, t := range o.Types {
		i.Add(t.Type, t.Count)
	}
	i.Others += o.Others
}

// Since returns how much i counts more than an earlier state of it.
func (i *Ignored) Since(earlier Ignored) Ignored {
	var more Ignored
	for _, t := range i.Types {
		count := t.Count
		for _, old := range earlier.Types {
			if old.Type == t.Type {
				count -= old.Count
			}
		}
		if count > 0 {
			more.Types = append(more.Types, TypeCount{t.Type, count})
		}
	}
	more.Others = max(0, i.Total()-earlier.Total()-more.Total())
	return more
}
