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
	// SourceCorrections is the source of every correction.
	SourceCorrections = "urn:reprise:corrections"
	// MaxReasonBytes bounds the reason of a correction, and MaxWhoBytes who made it.
	MaxReasonBytes = 1000
	MaxWhoBytes    = 200
	// MaxRequestBytes bounds the name of a request to fold entities again.
	MaxRequestBytes = 80
)

// IsCorrection reports whether an event is a correction of either kind, as NewSkip and
// NewRefold make them.
func IsCorrection(e *Event) bool {
	if e.Source != SourceCorrections {
		return false
	}
	if _, is := SkipOf(e); is {
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
func (s *Skip) Named() Digest {
	e := Event{Source: s.Source, ID: s.ID}
	return e.Identity()
}

func (s *Skip) check() error {
	switch {
	case s.Source == "" || s.ID == "":
		return invalid("data", "of a correction must name the source and the id of an event")
	}
	if _, err := ParsePosition(string(s.Position)); err != nil {
		return invalid("data", "of a correction must have a position")
	}
	return checkRemarks(s.Reason, s.Who)
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

// AdmitReserved returns an *Invalid for an event with a type or source that is
// reserved for the platform. With copied set it admits corrections, since a copy of
// a log keeps those that the log has.
func (e *Event) AdmitReserved(copied bool) error {
	if !strings.HasPrefix(e.Type, ReservedTypes) && e.Source != SourceCorrections {
		return nil
	}
	if copied && IsCorrection(e) {
		return nil
	}
	switch {
	case copied && (e.Type == TypeSkipped || e.Type == TypeRefolded):
		return invalid("data", "is not that of a correction: import corrections exactly as the log has them")
	case e.Source == SourceCorrections:
		return invalid("source", "%s is reserved for corrections, which reprise parked skip and reprise repair make",
			SourceCorrections)
	}
	return invalid("type", "begins with %s, which is reserved for the platform: reprise parked skip and reprise repair "+
		"make corrections", ReservedTypes)
}
