package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"reprise/pkg/event"
)

// ErrRefused says that the gateway refuses an effect or query. A retry cannot
// help.
var ErrRefused = errors.New("the gateway refuses every external effect")

// Effect is one update of an external system, caused by an event.
type Effect struct {
	// System and Name say where to do what, as in "mail", "welcome".
	System, Name string
	// Source and ID are those of the event that causes the effect.
	Source, ID string
	// Body is for the external system. Nothing logs it.
	Body []byte
}

// Key identifies the effect: it is the same in every delivery and retry, and
// differs for another effect or event. A gateway passes it to the external system,
// which then performs the effect only once.
func (e *Effect) Key() string {
	h := sha256.New()
	for _, part := range []string{e.System, e.Name, e.Source, e.ID} {
		// A hash never fails to write.
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Query is a question to an external system that changes nothing there.
type Query struct {
	System, Name string
	Body         []byte
}

// Gateway is the only way to an external system. Methods are safe for concurrent
// use. A retry may help after any error but ErrRefused.
type Gateway interface {
	// Update performs an effect once per key; a repeated call answers as the
	// first did. After an error the effect may have happened.
	Update(ctx context.Context, effect Effect) error
	// Query returns the system's answer.
	Query(ctx context.Context, query Query) ([]byte, error)
}

// Service is business logic with effects: it reacts to the events of the live
// path, each at least once and an entity's in order. It reaches external systems
// only through the gateway. Methods are safe for concurrent use. After an error
// other than ErrRefused, the event and those after it are retried.
type Service interface {
	React(ctx context.Context, e *event.Event, outside Gateway) error
}

// Refusing is a gateway that refuses everything.
type Refusing struct{}

// Update returns ErrRefused.
func (Refusing) Update(_ context.Context, effect Effect) error {
	return fmt.Errorf("update %s of %s: %w", effect.Name, effect.System, ErrRefused)
}

// Query returns ErrRefused.
func (Refusing) Query(_ context.Context, query Query) ([]byte, error) {
	return nil, fmt.Errorf("query %s of %s: %w", query.Name, query.System, ErrRefused)
}
