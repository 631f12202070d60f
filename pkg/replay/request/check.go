package request

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"reprise/pkg/event"
)

// Check returns ErrInvalid for a request that cannot be carried out, and names the
// member that is at fault.
func (r Request) Check() error {
	r = r.rounded()
	for _, problem := range []func() string{r.badName, r.badRange, r.badCount, r.badOrdering, r.badRebuild} {
		if text := problem(); text != "" {
			return fmt.Errorf("%w: %s", ErrInvalid, text)
		}
	}
	return nil
}

// CheckEffects returns ErrInvalid if effects are to be compared and the platform has no
// business logic with effects.
func (r Request) CheckEffects(service bool) error {
	if r.Effects != "" && !service {
		return fmt.Errorf("%w: effects %s: this platform has no business logic with effects", ErrInvalid, r.Effects)
	}
	return nil
}

// CheckSlice returns ErrInvalid if the slice width is no multiple of the log's
// buckets, since a bucket is read as a whole. A bucket of 0 checks nothing.
func (r Request) CheckSlice(bucket time.Duration) error {
	if width := r.Slice.Duration(); bucket > 0 && width%bucket != 0 {
		return fmt.Errorf("%w: slice %s is no multiple of the log's buckets, which are %s wide",
			ErrInvalid, r.Slice, WidthOf(bucket))
	}
	return nil
}

// badName says which type, entity, prefix or attribute no event can have, "" if
// there is none. Such a filter would select nothing, and may not fit into a key.
func (r Request) badName() string {
	for _, list := range []struct {
		member, what string
		names        []string
		check        func(string) error
	}{
		{"types", "a type", r.Types, event.CheckType},
		{"entities", "an id", r.Entities, event.CheckSubject},
		{"prefixes", "a prefix", r.Prefixes, event.CheckSubject},
	} {
		for _, name := range list.names {
			if err := list.check(name); err != nil {
				return list.member + " holds " + list.what + " that no event can have: " + problemOf(err)
			}
		}
	}
	if r.Attribute != nil {
		if err := event.CheckExtension(r.Attribute.Name, r.Attribute.Value); err != nil {
			return "attribute is none that an event can have as an extension: " + problemOf(err)
		}
	}
	return ""
}

// problemOf says what is wrong with an attribute without naming the attribute.
func problemOf(err error) string {
	var wrong *event.Invalid
	if errors.As(err, &wrong) {
		return "it " + wrong.Problem
	}
	return err.Error()
}

func (r Request) badRange() string {
	switch {
	case !writable(r.From):
		return "from lies outside of the years 0 to 9999 in UTC"
	case !writable(r.To):
		return "to lies outside of the years 0 to 9999 in UTC"
	case r.From != nil && r.To != nil && !r.From.Before(*r.To):
		return fmt.Sprintf("from %s is not before to %s", r.From.Format(time.RFC3339Nano), r.To.Format(time.RFC3339Nano))
	}
	return ""
}

// writable reports whether a time has an RFC 3339 form, in which requests are passed
// on.
func writable(t *time.Time) bool { return t == nil || (t.Year() >= 0 && t.Year() <= 9999) }

func (r Request) badCount() string {
	for _, list := range []struct {
		member      string
		given, most int
	}{
		{"types", len(r.Types), MaxTypes},
		{"entities", len(r.Entities), MaxEntities},
		{"prefixes", len(r.Prefixes), MaxPrefixes},
	} {
		if list.given > list.most {
			return fmt.Sprintf("%d %s are named; at most %d are accepted", list.given, list.member, list.most)
		}
	}
	switch {
	case r.Parallelism < 0 || r.Parallelism > MaxParallelism:
		return fmt.Sprintf("parallelism %d is not between 1 and %d", r.Parallelism, MaxParallelism)
	case r.Rate < 0 || r.Rate > MaxRate:
		return fmt.Sprintf("rate %d is not between 0 and %d", r.Rate, MaxRate)
	case r.Budget != nil && r.Budget.problem() != "":
		return r.Budget.problem()
	case r.ToleratedFailures != nil && (*r.ToleratedFailures < 0 || *r.ToleratedFailures > MaxToleratedFailures):
		return fmt.Sprintf("toleratedFailures %d is not between 0 and %d", *r.ToleratedFailures, MaxToleratedFailures)
	}
	return ""
}

func (r Request) badOrdering() string {
	switch {
	case r.Ordering != "" && !slices.Contains([]Ordering{ByEntity, ByWindow, Unordered}, r.Ordering):
		return fmt.Sprintf("ordering %q is not one of entity, window and none", clipped(string(r.Ordering)))
	case r.Slice != "" && r.Slice.Duration() == 0:
		return fmt.Sprintf("slice %q is not a number of hours or days such as 6h or 7d, up to 99999",
			clipped(string(r.Slice)))
	}
	return ""
}

// ownerPattern matches the names of verifications.
var ownerPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

func (r Request) badRebuild() string {
	switch {
	case r.Ask && !r.Promote:
		return "ask needs promote: what is asked is whether to promote"
	case r.Promote && !r.Rebuild:
		return "promote needs rebuild: only a rebuilt generation can become active"
	case r.Effects != "" && r.Effects != Diff:
		return fmt.Sprintf("effects %q is not diff", clipped(string(r.Effects)))
	case r.Effects != "" && !r.Rebuild:
		return "effects needs rebuild: the service reacts to the states that a rebuild folds"
	case r.Verification != "" && (!r.Rebuild || r.Promote):
		return "verification needs rebuild, and goes without promote: what it rebuilds is dropped"
	case r.Verification != "" && !ownerPattern.MatchString(r.Verification):
		return "verification is no name that a verification can have"
	case r.Rebuild && r.Filtered():
		return "a rebuild takes the whole log: leave from, to, types, entities, prefixes and attribute out"
	case r.Rebuild && r.Order() == Unordered:
		return "ordering none does not go with rebuild: a projection needs an entity's events in order"
	}
	return ""
}

// clipped bounds what an error repeats; its caller quotes it.
func clipped(text string) string { return event.Excerpt(text, 60) }
