package event

import (
	"encoding/json"
	"time"
)

const (
	// TypeRefolded is the type of a correction that changes no rule: an event of the
	// log at which the live path folds its entity again from the first event on.
	TypeRefolded = "reprise.entity.refolded"
	// MaxRequestBytes bounds the name of a request to fold entities again.
	MaxRequestBytes = 80
)

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
