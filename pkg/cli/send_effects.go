package cli

import (
	"context"
	"fmt"
	"io"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/entity"
	"reprise/pkg/cli/replays"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// maxNamed bounds the parked entities that reprise send names.
const maxNamed = 10

// effects are what became of events that were sent, beside being applied.
type effects struct {
	// Parked counts the parked entities of which an event came into the log since
	// sending began: that event, or an earlier one, could not be applied. Named
	// are the first of them.
	Parked int64    `json:"parked,omitempty"`
	Named  []string `json:"parkedEntities,omitempty"`
	// Ignored counts the events since sending began that no projection handles,
	// nil if there are none.
	Ignored *datastore.Ignored `json:"ignored,omitempty"`
}

// applied reports whether every event was applied that a projection handles.
func (e *effects) applied() bool { return e.Parked == 0 }

func (e *effects) warn(w io.Writer) {
	entity.WarnParked(w, e.Parked, "an event that was sent is not applied to them")
	if e.Ignored != nil {
		_, _ = fmt.Fprintf(w, "warning: %s\n", replays.IgnoredText(*e.Ignored))
	}
}

// before returns the state of the lanes before anything is sent, which --wait
// needs.
func (f *sendFlags) before(ctx context.Context, c *client.Client) (api.LanesView, error) {
	if !f.wait {
		return api.LanesView{}, nil
	}
	return c.Lanes(ctx)
}

// effectsSince compares the lanes that were reached with the state before.
func effectsSince(
	ctx context.Context, c *client.Client, before api.LanesView, reached map[event.Lane]event.Position,
) (effects, error) {
	var e effects
	if len(reached) == 0 {
		return e, nil
	}
	since := make(map[event.Lane]event.Position, len(before.Lanes))
	for _, l := range before.Lanes {
		since[l.Lane] = l.Position
	}
	after, err := c.Lanes(ctx)
	if err != nil {
		return e, fmt.Errorf("look for ignored events: %w", err)
	}
	if more := after.Ignored.Since(before.Ignored); more.Total() > 0 && after.Generation == before.Generation {
		e.Ignored = &more
	}
	err = c.EachParked(ctx, "", "", func(page []entities.ParkedEntity) error {
		for _, p := range page {
			if _, touched := reached[p.Lane]; !touched || p.Last <= since[p.Lane] {
				continue
			}
			e.Parked++
			if len(e.Named) < maxNamed {
				e.Named = append(e.Named, p.Entity)
			}
		}
		return nil
	})
	if err != nil {
		return e, fmt.Errorf("look for parked entities: %w", err)
	}
	return e, nil
}
