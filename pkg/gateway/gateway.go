package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/event"
)

// MaxBytes bounds the body of a call and its answer.
const MaxBytes = 64 << 10

var (
	// ErrRefused says that the gateway refuses a call: it is not declared, or its system
	// is not known here. A retry helps only with other code or settings.
	ErrRefused = errors.New("the gateway refuses the call")
	// ErrNoAnswer says that a replay has no recorded answer to a query, and that the call
	// declares neither AsOf nor a Default that holds. A retry cannot help.
	ErrNoAnswer = errors.New("no answer to the query is on record")
	// ErrNotSent marks an error of a System after which the call certainly did not happen,
	// such as a refused connection. A retry may help.
	ErrNotSent = errors.New("the call was not sent")
	// ErrTooLarge says that a body or an answer has more than MaxBytes. A retry cannot help.
	ErrTooLarge = errors.New("the body or the answer of the call is too large")
)

// Declined is the final answer of a system that does not do what it is asked. It is
// recorded like any other answer. A service may go on with it; if its React returns it, the
// entity's effects are parked.
type Declined struct {
	// Status is the system's own code, such as that of HTTP. Answer is for the service;
	// nothing logs it.
	Status int
	Answer []byte
}

// Error implements error.
func (d *Declined) Error() string {
	return fmt.Sprintf("the system declined the call (status %d)", d.Status)
}

// Effect is one update of an external system, caused by an event.
type Effect struct {
	// System and Name are those of a declared Call.
	System, Name string
	// Part tells updates of one name apart that one event causes, such as mails to
	// several people; "" if there is one. At most 128 bytes.
	Part string
	// Body is for the external system. Nothing logs it.
	Body []byte
}

// Query is a question to an external system that changes nothing there.
type Query struct {
	System, Name, Part string
	Body               []byte
}

// Key identifies an update for the external system, which then performs it only once: it
// is the same in every delivery and retry of the event, and differs for another event,
// call or part. An id that events of two entities share is that of two events.
func Key(e *event.Event, system, name, part string) string {
	return keyOf(system, name, e.Source, e.Subject, e.ID, part)
}

// CorrectionKey identifies the update that corrects another one on a replay's behalf.
func CorrectionKey(key, replay, step string) string { return keyOf("correction", key, replay, step) }

func keyOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		// A hash never fails to write.
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Compensated is the body of a call that undoes an update.
type Compensated struct {
	// Key is that with which the update was sent, Body what was sent, and Answer what the
	// system answered; an answer that was no JSON is a JSON string.
	Key    string          `json:"key"`
	Body   json.RawMessage `json:"body"`
	Answer json.RawMessage `json:"answer"`
}

// Gateway is the only way to an external system. It belongs to one reaction to one event,
// and is used by one goroutine. Errors other than those named may pass: a service returns
// them, and is called again later.
type Gateway interface {
	// Update performs an effect once, and returns the system's answer. Whoever repeats the
	// call, or the reaction, gets the recorded answer. It returns *Declined, ErrRefused or
	// ErrTooLarge. After any other error the effect may have happened.
	Update(ctx context.Context, effect Effect) (answer []byte, err error)
	// Query returns the system's answer, which is recorded: a repeated reaction, and a
	// replay, get the recorded one. It returns *Declined, ErrRefused, ErrTooLarge or, in
	// a replay, ErrNoAnswer.
	Query(ctx context.Context, query Query) (answer []byte, err error)
}
