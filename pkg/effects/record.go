package effects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/gateway"
)

// Status is what is known of a call.
type Status string

// The statuses of a record.
const (
	// Pending: the call was begun, and has no answer yet. It may have happened.
	Pending Status = "pending"
	// Done: the system answered.
	Done Status = "done"
	// Declined: the system's final answer was no.
	Declined Status = "declined"
	// Undone: an update was undone by its compensation, on behalf of a replay.
	Undone Status = "undone"
)

// Record is one call for one event in the effects log.
type Record struct {
	Entity   string         `json:"entity"`
	Lane     event.Lane     `json:"lane"`
	Position event.Position `json:"position"`
	// Source, EventID and Type are the event's.
	Source  string `json:"source"`
	EventID string `json:"eventId"`
	Type    string `json:"type"`

	System string       `json:"system"`
	Name   string       `json:"name"`
	Part   string       `json:"part,omitempty"`
	Kind   gateway.Kind `json:"kind"`
	// Order counts the calls of one reaction from 1, and Turn the records of one call of
	// one event: 0 is the live one, later ones correct it.
	Order int `json:"order"`
	Turn  int `json:"turn,omitempty"`
	// Key is the idempotency key of an update.
	Key    string          `json:"key,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Status Status          `json:"status"`
	// Code is the status with which the system declined.
	Code int `json:"code,omitempty"`
	// Attempts counts attempts, Error is why the last one failed.
	Attempts int    `json:"attempts"`
	Error    string `json:"error,omitempty"`
	// Begun is when the first attempt began, Ended when the answer came.
	Begun time.Time  `json:"begun"`
	Ended *time.Time `json:"ended,omitempty"`
	// Claimed is until when an attempt may be under way.
	Claimed *time.Time `json:"claimed,omitempty"`
	// Version is the service's, as in "notifications@2".
	Version string `json:"version"`
	// Undoes is set for the compensation of an update.
	Undoes bool `json:"undoes,omitempty"`
	// Replay is the replay on whose behalf this call corrects another, By who approved it.
	Replay string `json:"replay,omitempty"`
	By     string `json:"by,omitempty"`
}

// ID names the record's call within a service.
func (r *Record) ID() string { return r.System + "/" + r.Name }

// Final reports whether the system's answer is known.
func (r *Record) Final() bool { return r.Status != Pending }

// Same reports whether a call has the recorded body, whatever the order of the members of
// its JSON objects and the space between them.
func (r *Record) Same(body []byte) bool { return bytes.Equal(canonical(r.Body), canonical(body)) }

// canonical is JSON with sorted members and without space, the text itself if it is none.
func canonical(raw []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if len(raw) == 0 || decoder.Decode(&value) != nil {
		return raw
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return sorted
}

// Place is where the effects of one event are recorded.
type Place struct {
	Lane     event.Lane
	Entity   string
	Position event.Position
}

// sortKey begins the keys of all records of a place.
func (p Place) sortKey() string { return event.SortKey(p.Entity, p.Position) + "#" }

// callKey is the key of a call's record, of which later turns sort behind the first.
func (p Place) callKey(system, name, part string, turn int) string {
	h := sha256.New()
	// A hash never fails to write.
	_, _ = fmt.Fprintf(h, "%d:%s%d:%s%d:%s", len(system), system, len(name), name, len(part), part)
	return p.sortKey() + hex.EncodeToString(h.Sum(nil)[:10]) + fmt.Sprintf("#%04x", turn)
}
