package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
)

// maxAhead is how far a kept event time may be ahead of its record's arrival. The
// HTTP API accepts at most event.MaxAhead; the rest allows for differing clocks.
const maxAhead = time.Hour

// Incoming is a record of the event stream.
type Incoming struct {
	Sequence string
	// Arrival is in milliseconds since 1970.
	Arrival int64
	Data    []byte
}

// Arrived is one event of a decoded record.
type Arrived struct {
	Event    event.Event
	Position event.Position
	// Line is the canonical encoding.
	Line []byte
	// Arrival is the record's arrival, or the event's own time if the sender
	// asked to keep it, or its logged time in the log that it was copied from.
	Arrival int64
}

// Decoded is a decoded record of the event stream. First and Last are the positions
// of its first and last event, or of the record itself if it is undecodable.
type Decoded struct {
	First, Last event.Position
	Events      []Arrived
}

// Decoder decodes records of the event stream. The pump and every consumer that
// writes state use the same decoder, so that they agree on events and positions.
// It is safe for concurrent use.
type Decoder struct {
	Codec *record.Codec
	Lanes *event.Lanes
	// Epoch is the epoch of the event stream.
	Epoch int
}

// Undecodable says why a record does not decode to events of its lane.
type Undecodable struct {
	Position event.Position
	Err      error
}

func (e *Undecodable) Error() string {
	return fmt.Sprintf("decode record at %s: %v", e.Position, e.Err)
}

func (e *Undecodable) Unwrap() error { return e.Err }

// Decode returns the events of a record of that lane. With an *Undecodable it
// returns the record's position only; any other error means that the sequence number
// is invalid.
func (d *Decoder) Decode(lane event.Lane, in Incoming) (Decoded, error) {
	first, err := event.NewPosition(d.Epoch, in.Sequence, 0)
	if err != nil {
		return Decoded{}, fmt.Errorf("place record: %w", err)
	}
	undecodable := Decoded{First: first, Last: first}
	header, lines, err := d.Codec.Unpack(in.Data)
	if err != nil {
		return undecodable, &Undecodable{first, err}
	}
	if header.Lane != lane || header.Playback != nil {
		return undecodable, &Undecodable{first, fmt.Errorf("the record belongs to lane %s", header.Lane)}
	}
	if header.Arrivals != nil && len(header.Arrivals) != len(lines) {
		return undecodable, &Undecodable{first, errArrivals}
	}
	decoded := Decoded{First: first, Events: make([]Arrived, 0, len(lines))}
	var scratch []byte
	for i, line := range lines {
		arrived, err := d.arrived(lane, in, header, line, i, &scratch)
		if err != nil {
			return undecodable, &Undecodable{first, fmt.Errorf("event %d: %w", i, err)}
		}
		decoded.Events = append(decoded.Events, arrived)
		decoded.Last = arrived.Position
	}
	return decoded, nil
}

var errArrivals = errors.New("the record does not have one arrival for each event")

func (d *Decoder) arrived(
	lane event.Lane, in Incoming, header record.Header, line []byte, index int, scratch *[]byte,
) (Arrived, error) {
	e, err := event.Parse(string(line))
	if err != nil {
		return Arrived{}, err
	}
	// The HTTP API sends canonical lines. Lines of other writers are converted,
	// so that the log contains canonical lines only.
	if *scratch = e.AppendJSON((*scratch)[:0]); !bytes.Equal(*scratch, line) {
		line = bytes.Clone(*scratch)
	}
	if home := d.Lanes.Of(e.Subject); home != lane {
		return Arrived{}, fmt.Errorf("its entity lives in lane %s", home)
	}
	at, err := event.NewPosition(d.Epoch, in.Sequence, index)
	if err != nil {
		return Arrived{}, err
	}
	arrived := Arrived{Event: e, Position: at, Line: line, Arrival: in.Arrival}
	switch {
	case header.Arrivals != nil:
		// The HTTP API refuses times that are out of range, as it does for KeepTime.
		arrived.Arrival = header.Arrivals[index]
		if arrived.Arrival < 0 || arrived.Arrival-in.Arrival > maxAhead.Milliseconds() {
			return Arrived{}, &event.Invalid{Problem: "its arrival lies in the future or before 1970"}
		}
	case header.KeepTime:
		own, ok := e.Timestamp()
		if !ok {
			return Arrived{}, &event.Invalid{Attribute: "time", Problem: "is required to keep it"}
		}
		if own.UnixMilli()-in.Arrival > maxAhead.Milliseconds() {
			return Arrived{}, &event.Invalid{Attribute: "time", Problem: "lies in the future and cannot be kept"}
		}
		arrived.Arrival = own.UnixMilli()
	}
	return arrived, nil
}

// Stamp assigns logged times, which never go back within a lane. The pump and the
// consumers of the event stream each keep one per lane, and get the same times,
// since they see the same records in the same order.
type Stamp struct {
	Width  Width
	Logged int64
}

// Next returns the logged time and bucket of an event with that arrival.
func (s *Stamp) Next(arrival int64) (logged int64, bucket Bucket) {
	s.Logged = max(s.Logged, arrival)
	return s.Logged, s.Width.Of(s.Logged)
}
