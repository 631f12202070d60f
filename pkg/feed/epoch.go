package feed

import (
	"context"
	"fmt"

	"reprise/pkg/control"
)

// Epochs numbers every stream that has served as the event stream, so that
// positions keep rising when a new stream, whose sequence numbers start again,
// replaces the old one.
type Epochs struct{ Table control.Table }

type epochList struct {
	Identities []string `json:"identities"`
}

// Of returns the epoch of the stream with that identity. A new stream gets the
// next number, from 1.
func (e Epochs) Of(ctx context.Context, identity string) (int, error) {
	epoch := 0
	key := control.Key{Partition: "epochs", Sort: "event-stream"}
	_, err := control.Update(ctx, e.Table, key, func(list *epochList, _ bool) error {
		for i, known := range list.Identities {
			if known == identity {
				epoch = i + 1
				return control.Unchanged()
			}
		}
		list.Identities = append(list.Identities, identity)
		epoch = len(list.Identities)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find epoch of the event stream: %w", err)
	}
	return epoch, nil
}
