package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	// ReservedTypes begins the types of events that only the platform makes.
	ReservedTypes = "reprise."
	// TypeSkipped is the type of a correction: an event of the log that says that
	// an event of the same entity, which could not be applied, is stepped over.
	TypeSkipped = "reprise.event.skipped"
	// TypeRefolded is the type of a correction that changes no rule: an event of the
	// log at which the live path folds its entity again from the first event on.
	TypeRefolded = "reprise.entity.refolded"
	// ReversedSuffix ends the type of a correction that reverses an event, behind that
	// event's own type. From any other source, a type with that end means nothing.
	ReversedSuffix = ".reversed"
	// SourceCorrections is the source of every correction.
	SourceCorrections = "urn:reprise:corrections"
	// MaxReasonBytes bounds the reason of a correction, and MaxWhoBytes who made it.
	MaxReasonBytes = 1000
	MaxWhoBytes    = 200
	// MaxRequestBytes bounds the name of a request to fold entities again.
	MaxRequestBytes = 80
)

// IsCorrection reports whether an event is a correction of any kind, as NewSkip,
// NewRefold and NewReversal make them.
func IsCorrection(e *Event) bool {
	if e.Source != SourceCorrections {
		return false
	}
	if _, is := SkipOf(e); is {
		return true
	}
	if _, is := ReversalOf(e); is {
		return true
	}
	_, is := RefoldOf(e)
	return is
}

// Skip is the content of a correction.
type Skip struct {
	// Source and ID name the event that is stepped over. Unlike its position they
	// are the same in a copy of the log.
	Source string `json:"source"`
	ID     string `json:"id"`
	// Position is the event's place in the log that the correction was made for.
	Position Position `json:"position"`
	Reason   string   `json:"reason"`
	// Who made the correction, "" if unknown.
	Who string `json:"who,omitempty"`
}

// Named is the identity of the event that the correction names.
func (s *Skip) Named() Digest { return identityOf(s.Source, s.ID) }

func identityOf(source, id string) Digest {
	e := Event{Source: source, ID: id}
	return e.Identity()
}

func (s *Skip) check() error {
	if err := checkNamed(s.Source, s.ID, s.Position); err != nil {
		return err
	}
	return checkRemarks(s.Reason, s.Who)
}

// checkNamed checks how a correction names an event.
func checkNamed(source, id string, at Position) error {
	if source == "" || id == "" {
		return invalid("data", "of a correction must name the source and the id of an event")
	}
	if _, err := ParsePosition(string(at)); err != nil {
		return invalid("data", "of a correction must have a position")
	}
	return nil
}

// checkRemarks checks what the log keeps of why a correction was made, and by whom.
func checkRemarks(reason, who string) error {
	switch {
	case reason == "" || len(reason) > MaxReasonBytes:
		return invalid("data", "of a correction must have a reason of at most %d bytes", MaxReasonBytes)
	case len(who) > MaxWhoBytes:
		return invalid("data", "of a correction has more than %d bytes in who", MaxWhoBytes)
	}
	return nil
}

// NewSkip makes the correction that steps over an event of an entity. Its id
// follows from the event that it names, so that a correction that is made twice
// is a duplicate. Its error is an *Invalid.
func NewSkip(entity string, s Skip, at time.Time) (Event, error) {
	if err := s.check(); err != nil {
		return Event{}, err
	}
	return newCorrection(TypeSkipped, skipID(&s), entity, s, at)
}

func newCorrection(kind, id, entity string, content any, at time.Time) (Event, error) {
	data, err := encodeCorrection(content)
	if err != nil {
		return Event{}, err
	}
	e := Event{
		ID:              id,
		Source:          SourceCorrections,
		Type:            kind,
		Subject:         entity,
		Time:            at.UTC().Format("2006-01-02T15:04:05.000Z"),
		DataContentType: "application/json",
		Data:            data,
	}
	return e, e.Validate()
}

func encodeCorrection(content any) (string, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encode correction: %w", err)
	}
	return string(data), nil
}

func skipID(s *Skip) string { return "skip-" + s.Named().String() }

// SkipOf returns the content of a correction that steps over an event, and false for
// any other event. Only data that NewSkip could have made are those of a correction.
func SkipOf(e *Event) (Skip, bool) {
	if e.Type != TypeSkipped || e.Source != SourceCorrections || e.Base64 {
		return Skip{}, false
	}
	var s Skip
	if json.Unmarshal([]byte(e.Data), &s) != nil || s.check() != nil || e.ID != skipID(&s) {
		return Skip{}, false
	}
	data, err := encodeCorrection(&s)
	return s, err == nil && data == e.Data
}

// Refold is the content of a correction that has its entity folded again.
type Refold struct {
	// Request names the request that the correction belongs to, in 1 to
	// MaxRequestBytes bytes. An entity is folded again once for each request.
	Request string `json:"request"`
	Reason  string `json:"reason"`
	// Who made the correction, "" if unknown.
	Who string `json:"who,omitempty"`
}

func (r *Refold) check() error {
	if r.Request == "" || len(r.Request) > MaxRequestBytes {
		return invalid("data", "of a correction must have a request of at most %d bytes", MaxRequestBytes)
	}
	return checkRemarks(r.Reason, r.Who)
}

// NewRefold makes the correction that has an entity folded again. Its id follows from
// the request and the entity, so that a request that is repeated makes a duplicate. Its
// error is an *Invalid.
func NewRefold(entity string, r Refold, at time.Time) (Event, error) {
	if err := r.check(); err != nil {
		return Event{}, err
	}
	return newCorrection(TypeRefolded, RefoldID(r.Request, entity), entity, r, at)
}

// RefoldID is the id of the correction of an entity that a request makes.
func RefoldID(request, entity string) string {
	of := Event{Source: request, ID: entity}
	return "refold-" + of.Identity().String()
}

// RefoldOf returns the content of a correction that has its entity folded again, and
// false for any other event. Only data that NewRefold could have made are those of a
// correction.
func RefoldOf(e *Event) (Refold, bool) {
	if e.Type != TypeRefolded || e.Source != SourceCorrections || e.Base64 {
		return Refold{}, false
	}
	var r Refold
	if json.Unmarshal([]byte(e.Data), &r) != nil || r.check() != nil || e.ID != RefoldID(r.Request, e.Subject) {
		return Refold{}, false
	}
	data, err := encodeCorrection(&r)
	return r, err == nil && data == e.Data
}

// Reversal is the content of a correction that reverses an event.
type Reversal struct {
	// Source, ID and Type are those of the event that is reversed, which source and id
	// name, also in a copy of the log.
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	// Position is the event's place in the log that the correction was made for.
	Position Position `json:"position"`
	Reason   string   `json:"reason"`
	// Who made the correction, "" if unknown.
	Who string `json:"who,omitempty"`
	// Inverse is applied in place of the correction. Without one, the entity is folded
	// again without the event.
	Inverse *Inverse `json:"inverse,omitempty"`
}

// Inverse is an event that undoes another one: a type that the entity's projection
// handles, and its data, which are JSON.
type Inverse struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// As is the inverse in place of the correction that has it: with its identity, time and
// entity.
func (i *Inverse) As(correction *Event) Event {
	e := *correction
	e.Type, e.Data = i.Type, string(i.Data)
	return e
}

// Named is the identity of the event that is reversed.
func (r *Reversal) Named() Digest { return identityOf(r.Source, r.ID) }

func (r *Reversal) check() error {
	if err := checkNamed(r.Source, r.ID, r.Position); err != nil {
		return err
	}
	kinds := []string{r.Type}
	if r.Inverse != nil {
		if kinds = append(kinds, r.Inverse.Type); !json.Valid(r.Inverse.Data) {
			return invalid("data", "of a correction has an inverse without data in JSON")
		}
	}
	for _, kind := range kinds {
		if CheckType(kind) != nil || strings.HasPrefix(kind, ReservedTypes) {
			return invalid("data", "of a correction must have types that events can have")
		}
	}
	return checkRemarks(r.Reason, r.Who)
}

// NewReversal makes the correction that reverses an event of an entity. Its id follows
// from the event that it names, so that an event that is reversed twice has a duplicate.
// Its attributes causationid and actor tell the id of that event, and who reverses it.
// Its error is an *Invalid.
func NewReversal(entity string, r Reversal, at time.Time) (Event, error) {
	if err := r.check(); err != nil {
		return Event{}, err
	}
	e, err := newCorrection(r.Type+ReversedSuffix, ReversalID(r.Source, r.ID), entity, r, at)
	if err != nil {
		return Event{}, err
	}
	for _, x := range []struct{ name, value string }{{"actor", r.Who}, {"causationid", r.ID}} {
		if x.value != "" && len(x.value) <= maxCause && CheckExtension(x.name, x.value) == nil {
			e.Extensions = append(e.Extensions, StringExtension(x.name, x.value))
		}
	}
	return e, e.Validate()
}

// maxCause bounds the attributes of a reversal that repeat what its data say.
const maxCause = 1024

// ReversalID is the id of the correction that reverses an event.
func ReversalID(source, id string) string { return "reverse-" + identityOf(source, id).String() }

// ReversalOf returns the content of a correction that reverses an event, and false for
// any other event. Only data that NewReversal could have made are those of a correction.
func ReversalOf(e *Event) (Reversal, bool) {
	if e.Source != SourceCorrections || e.Base64 || !strings.HasSuffix(e.Type, ReversedSuffix) {
		return Reversal{}, false
	}
	var r Reversal
	if json.Unmarshal([]byte(e.Data), &r) != nil || r.check() != nil || e.Type != r.Type+ReversedSuffix ||
		e.ID != ReversalID(r.Source, r.ID) {
		return Reversal{}, false
	}
	data, err := encodeCorrection(&r)
	return r, err == nil && data == e.Data
}
