package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// memory is what is kept of an entity between two events: its state after the last event
// that the service has reacted to, so that the next reaction needs no history.
type memory struct {
	// Row is folded up to Row.Position, by the version that it names. A row of another
	// version, or of none, is folded again from the log when the next event comes.
	Row datastore.Row `json:"row"`
	// Parked is what the JSON of a row leaves out.
	Parked *parkedRest `json:"parkedRest,omitempty"`
	// Founding is set while a long history is folded in parts: the row is not complete
	// before it has reached that position, up to which the service has reacted.
	Founding event.Position `json:"founding,omitempty"`
	// Waiting is set while a reaction failed.
	Waiting *Waiting `json:"waiting,omitempty"`
}

type parkedRest struct {
	Named  int64           `json:"named"`
	Event  event.Digest    `json:"event"`
	Bucket eventlog.Bucket `json:"bucket"`
}

// Waiting is why the effects of an entity do not go on.
type Waiting struct {
	// Position is the event whose reaction failed, "" if it is not known yet; Type is its
	// type. Upto is the last event that is known to wait.
	Position event.Position `json:"position"`
	Type     string         `json:"type"`
	Upto     event.Position `json:"upto"`
	Since    time.Time      `json:"since"`
	// Attempts counts the failed attempts, Due is when the next one begins.
	Attempts int       `json:"attempts"`
	Due      time.Time `json:"due"`
	Reason   string    `json:"reason"`
	// Call is the call that failed, "" if the service itself did.
	Call string `json:"call,omitempty"`
	// Parked is set once it needs a person. Doubt is set if it is unknown whether the call
	// happened, and the call may not be repeated.
	Parked bool `json:"parked,omitempty"`
	Doubt  bool `json:"doubt,omitempty"`
	// Skip is the event whose effects a person gave up.
	Skip event.Position `json:"skip,omitempty"`
}

// reacted is the last position that the service has reacted to, if there is a memory.
func (m *memory) reacted() event.Position {
	if m.Founding != "" {
		return m.Founding
	}
	return m.Row.Position
}

func memoryKey(lane event.Lane, entity string) control.Key {
	return control.Key{Partition: "memory#" + lane.String(), Sort: event.EscapeEntity(entity)}
}

// compressAbove is the size above which a memory is compressed.
const compressAbove = 16 << 10

// packed begins a compressed body; JSON never begins with it.
const packed = 'z'

func (m *memory) encode() ([]byte, error) {
	if p := m.Row.Parked; p != nil {
		m.Parked = &parkedRest{p.Named, p.Event, p.Bucket}
	} else {
		m.Parked = nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode memory of an entity: %w", err)
	}
	if len(body) <= compressAbove {
		return body, nil
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compress memory of an entity: %w", err)
	}
	return encoder.EncodeAll(body, []byte{packed}), encoder.Close()
}

func decodeMemory(body []byte) (m memory, err error) {
	if len(body) > 0 && body[0] == packed {
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return m, fmt.Errorf("decompress memory of an entity: %w", err)
		}
		defer decoder.Close()
		if body, err = decoder.DecodeAll(body[1:], nil); err != nil {
			return m, fmt.Errorf("decompress memory of an entity: %w", err)
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("decode memory of an entity: %w", err)
	}
	if p := m.Row.Parked; p != nil && m.Parked != nil {
		p.Named, p.Event, p.Bucket = m.Parked.Named, m.Parked.Event, m.Parked.Bucket
	}
	return m, nil
}

// remembered returns an entity's memory, and "" as its version if there is none.
func (l Ledger) remembered(ctx context.Context, lane event.Lane, entity string) (memory, control.Version, error) {
	doc, err := l.Table.Get(ctx, memoryKey(lane, entity))
	if errors.Is(err, control.ErrNotFound) {
		return memory{Row: datastore.Row{Entity: entity}}, "", nil
	}
	if err != nil {
		return memory{}, "", fmt.Errorf("load memory of an entity: %w", err)
	}
	m, err := decodeMemory(doc.Body)
	return m, doc.Version, err
}

// remember stores an entity's memory, or returns errMoved. A state that is too large for a
// document is left out, and folded again from the log next time.
func (l Ledger) remember(
	ctx context.Context, lane event.Lane, entity string, m *memory, previous control.Version,
) (control.Version, error) {
	body, err := m.encode()
	if err != nil {
		return "", err
	}
	if len(body) > control.MaxBodyBytes {
		bare := memory{Row: datastore.Row{Entity: entity, Position: m.reacted()}, Waiting: m.Waiting}
		if body, err = bare.encode(); err != nil {
			return "", err
		}
	}
	version, err := l.Table.Put(ctx, memoryKey(lane, entity), body, previous)
	if errors.Is(err, control.ErrConflict) {
		return "", errMoved
	}
	if err != nil {
		return "", fmt.Errorf("save memory of an entity: %w", err)
	}
	return version, nil
}
