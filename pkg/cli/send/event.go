package send

import (
	"errors"
	"fmt"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

// Refusal says which line was not accepted, and why.
type Refusal struct {
	// Line is the line number, from 1.
	Line      int64  `json:"line"`
	Attribute string `json:"attribute,omitempty"`
	Problem   string `json:"problem"`
}

func (r Refusal) String() string { return fmt.Sprintf("line %d: %s", r.Line, r.Problem) }

// check applies the server's rules to a line and returns its entity. now may
// differ from the server's clock: the bound on times is wide enough.
func check(line []byte, keepTime bool, now time.Time) (entity string, err error) {
	e, err := event.Parse(string(line))
	if err == nil {
		err = e.Admit()
	}
	if err == nil {
		err = e.AdmitReserved(keepTime)
	}
	if err == nil && keepTime {
		err = e.AdmitOwnTime(now)
	}
	if err != nil {
		return "", err
	}
	return e.Subject, nil
}

func refusal(line int64, err error) Refusal {
	r := Refusal{Line: line, Problem: err.Error()}
	if invalid, ok := errors.AsType[*event.Invalid](err); ok {
		r.Attribute = invalid.Attribute
	} else if problem, ok := errors.AsType[*web.Problem](err); ok {
		r.Attribute = problem.Attribute
	}
	return r
}
