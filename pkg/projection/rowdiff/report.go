package rowdiff

import (
	"cmp"
	"slices"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection/statediff"
)

// Kind is how an entity differs between two generations.
type Kind string

// The kinds.
const (
	// OnlyOld and OnlyNew: one generation has a row of the entity, and the other, which
	// has come as far, has none.
	OnlyOld Kind = "only-old"
	OnlyNew Kind = "only-new"
	// State: the states differ, or the projections that made them.
	State Kind = "state"
	// Parked: one generation parks the entity and the other does not, or at another event.
	Parked Kind = "parked"
)

const (
	// maxFields bounds the fields that are counted one by one.
	maxFields = 50
	// maxSamples bounds the samples of each kind.
	maxSamples = 8
	// shownFields bounds the fields of a sample, and walkedFields those of an entity that
	// are counted.
	shownFields  = 5
	walkedFields = 64
)

// Report is what differs between two generations.
type Report struct {
	// Old and New are the generations, OldVersion and NewVersion their versions of the
	// projections.
	Old        string `json:"old"`
	New        string `json:"new"`
	OldVersion string `json:"oldVersion"`
	NewVersion string `json:"newVersion"`
	// Compared counts the entities that were compared, and Differing those that differ.
	Compared  int64 `json:"compared"`
	Differing int64 `json:"differing"`
	// Kinds counts the entities that differ by how they differ, which may be several ways.
	Kinds map[Kind]int64 `json:"kinds,omitempty"`
	// Fields counts them by the field of the state that differs, those of most entities
	// first, and OtherFields sums up the counts of fields that are not listed.
	Fields      []Field `json:"fields,omitempty"`
	OtherFields int64   `json:"otherFields,omitempty"`
	// Samples are some of the entities that differ, of each kind.
	Samples []Sample `json:"samples,omitempty"`
	// Unsettled counts entities that were not compared, since their rows stood at different
	// events and a history is too long, or no code is at hand, to fold one to the other's.
	Unsettled int64 `json:"unsettled,omitempty"`
	// Complete says that all entities were looked at; else there was a bound.
	Complete bool `json:"complete"`
}

// Field is a field of the state.
type Field struct {
	// Path is a JSON Pointer (RFC 6901) in which "*" stands for any element of a list.
	Path     string `json:"path"`
	Entities int64  `json:"entities"`
}

// Sample is an entity that differs.
type Sample struct {
	Kind   Kind       `json:"kind"`
	Lane   event.Lane `json:"lane"`
	Entity string     `json:"entity"`
	// Position is that of the last event that both states have seen.
	Position event.Position `json:"position"`
	// Changes are the first of the fields that differ, and Differing counts them all.
	Changes   []statediff.Change `json:"changes,omitempty"`
	Differing int                `json:"differing,omitempty"`
	// OldParked and NewParked say why each generation parks the entity, "" if it does not.
	OldParked string `json:"oldParked,omitempty"`
	NewParked string `json:"newParked,omitempty"`
}

// compare adds two rows of an entity that stand at the same event; one of them may be nil.
func (r *Report) compare(lane event.Lane, old, fresh *datastore.Row) {
	r.Compared++
	one := cmp.Or(old, fresh)
	sample := Sample{Lane: lane, Entity: one.Entity, Position: one.Position}
	var kinds []Kind
	switch {
	case fresh == nil:
		kinds = []Kind{OnlyOld}
	case old == nil:
		kinds = []Kind{OnlyNew}
	default:
		kinds = r.differences(&sample, old, fresh)
	}
	if len(kinds) == 0 {
		return
	}
	r.Differing++
	for _, kind := range kinds {
		sample.Kind = kind
		r.count(kind, 1)
		r.sample(sample)
	}
}

// differences says how two rows differ, and counts the fields that do.
func (r *Report) differences(sample *Sample, old, fresh *datastore.Row) (kinds []Kind) {
	if sample.OldParked, sample.NewParked = parked(old), parked(fresh); !sameParking(old, fresh) {
		kinds = append(kinds, Parked)
	}
	changes, total := statediff.Diff(old.State, fresh.State, walkedFields)
	if old.Projection != fresh.Projection && total == 0 {
		changes, total = []statediff.Change{{Path: "", Old: old.Projection, New: fresh.Projection}}, 1
	}
	if total == 0 {
		return kinds
	}
	sample.Differing, sample.Changes = total, changes[:min(shownFields, len(changes))]
	seen := make(map[string]bool)
	for _, change := range changes {
		if path := general(change.Path); !seen[path] {
			seen[path] = true
			r.field(path, 1)
		}
	}
	return append(kinds, State)
}

func sameParking(old, fresh *datastore.Row) bool {
	if old.Parked == nil || fresh.Parked == nil {
		return old.Parked == nil && fresh.Parked == nil
	}
	return old.Parked.Position == fresh.Parked.Position
}

// maxReason bounds what is shown of why an entity is parked.
const maxReason = 120

func parked(row *datastore.Row) string {
	if row.Parked == nil {
		return ""
	}
	return row.Parked.Type + ": " + event.Excerpt(row.Parked.Reason, maxReason)
}

// general writes "*" for the numbers in a path: the elements of lists are one field.
func general(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

func (r *Report) count(kind Kind, n int64) {
	if r.Kinds == nil {
		r.Kinds = make(map[Kind]int64)
	}
	r.Kinds[kind] += n
}

// field counts entities in which a field differs.
func (r *Report) field(path string, entities int64) {
	at := slices.IndexFunc(r.Fields, func(f Field) bool { return f.Path == path })
	switch {
	case at >= 0:
		r.Fields[at].Entities += entities
	case len(r.Fields) < maxFields:
		r.Fields = append(r.Fields, Field{path, entities})
	default:
		r.OtherFields += entities
	}
}

func (r *Report) sample(s Sample) {
	have := 0
	for i := range r.Samples {
		if r.Samples[i].Kind == s.Kind {
			have++
		}
	}
	if have < maxSamples {
		r.Samples = append(r.Samples, s)
	}
}

// merge adds what differs in other lanes.
func (r *Report) merge(o *Report) {
	r.Compared += o.Compared
	r.Differing += o.Differing
	r.Unsettled += o.Unsettled
	r.OtherFields += o.OtherFields
	r.Complete = r.Complete && o.Complete
	for kind, n := range o.Kinds {
		r.count(kind, n)
	}
	for _, f := range o.Fields {
		r.field(f.Path, f.Entities)
	}
	for _, s := range o.Samples {
		r.sample(s)
	}
	slices.SortStableFunc(r.Fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(b.Entities, a.Entities), cmp.Compare(a.Path, b.Path))
	})
}
