package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"reprise/pkg/event"
)

// ErrRefused says that the gateway does not let an effect or query through. A
// retry cannot help.
var ErrRefused = errors.New("the gateway lets no external effect through")

// Effect is one update of an external system, asked for because of an event.
type Effect struct {
	// System and Name say what is to be done where, as in "mail", "welcome".
	System, Name string
	// Source and ID are those of the event that it follows from.
	Source, ID string
	// Body is for the external system. It is never logged.
	Body []byte
}

// Key is the same for the same effect of the same event, however often and by
// whichever delivery it is asked for, and differs between any two others. The
// external system is to be given it, so that it does the thing once.
func (e *Effect) Key() string {
	h := sha256.New()
	for _, part := range []string{e.System, e.Name, e.Source, e.ID} {
		// A hash takes every write.
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Query asks an external system for something that changes nothing there.
type Query struct {
	System, Name string
	Body         []byte
}

// Gateway is the only way to an external system. Methods are safe for
// concurrent use. Errors other than ErrRefused may be helped by a retry.
type Gateway interface {
	// Update does an effect once for its key: asked for again it answers as it
	// did before. When it returns an error the effect may have happened.
	Update(ctx context.Context, effect Effect) error
	// Query returns the system's answer.
	Query(ctx context.Context, query Query) ([]byte, error)
}

// Service is business logic with effects: it reacts to the events of the live
// path, each at least once and an entity's in order. It reaches the outside
// through the gateway only. Methods are safe for concurrent use. After an error
// other than ErrRefused the event comes again, and so do those behind it.
type Service interface {
	React(ctx context.Context, e *event.Event, outside Gateway) error
}

// Refusing is a gateway that lets nothing through.
type Refusing struct{}

// Update returns ErrRefused.
func (Refusing) Update(_ context.Context, effect Effect) error {
	return fmt.Errorf("update %s of %s: %w", effect.Name, effect.System, ErrRefused)
}

// Query returns ErrRefused.
func (Refusing) Query(_ context.Context, query Query) ([]byte, error) {
	return nil, fmt.Errorf("query %s of %s: %w", query.Name, query.System, ErrRefused)
}
