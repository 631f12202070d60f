package record

import (
	"encoding/json"

	"reprise/pkg/event"
)

// Version is the version of the format, the header's member "reprise".
const Version = 1

// Header is the first line of a record.
type Header struct {
	Version int        `json:"reprise"`
	Lane    event.Lane `json:"lane"`
	// Events is the number of lines that follow.
	Events int `json:"events"`
	// KeepTime is set if each event's own time counts as its arrival.
	KeepTime bool `json:"keeptime,omitempty"`
	// Arrivals are the arrivals of the events, in milliseconds since 1970, one for each
	// line; nil if the record's own counts. A copy of a log has them: they are the logged
	// times in the log that was copied.
	Arrivals []int64 `json:"arrivals,omitempty"`
	// Playback is set in records of a playback stream.
	Playback *Playback `json:"playback,omitempty"`
}

// Playback is the part of a header that places the record in a replay.
type Playback struct {
	Replay string `json:"replay"`
	// The record holds the events [From, To) of its lane, counting only events
	// that the replay selects. In an unordered replay they are counted within the
	// lane's part of one time slice, and Slice is that slice's number, from 1.
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Slice int   `json:"slice,omitempty"`
	// Place is where a reader continues after the record. It is opaque to
	// subscribers.
	Place json.RawMessage `json:"place,omitempty"`
}
