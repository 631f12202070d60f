package replays

import (
	"context"
	"errors"

	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/replay/lifecycle"
)

// maxCompared bounds the replays that a mistyped id is compared with.
const maxCompared = 10_000

// ask asks a platform something about a replay and prints the answer: with --json as it
// is, else with show.
func ask[T any](
	ctx context.Context,
	f *command.ClientFlags,
	id string,
	question func(ctx context.Context, c *client.Client) (T, error),
	show func(answer T) error,
) error {
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	answer, err := question(ctx, c)
	if err != nil {
		return likeID(ctx, c, id, err)
	}
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, answer)
	}
	return show(answer)
}

// likeID adds to an error that says that there is no replay of an id which id it may
// be. It returns any other error unchanged.
func likeID(ctx context.Context, c *client.Client, id string, err error) error {
	problem, ok := errors.AsType[*web.Problem](err)
	if !ok || problem.Kind() != "replay-not-found" {
		return err
	}
	var ids []string
	enough := errors.New("enough")
	// Without an answer there is nothing to suggest.
	_ = c.Replays(ctx, func(view lifecycle.View) error {
		if ids = append(ids, view.ID); len(ids) == maxCompared {
			return enough
		}
		return nil
	})
	if nearest := command.Nearest(id, ids); nearest != "" {
		return command.Hint(err, "did you mean %s? reprise replay list shows all replays", nearest)
	}
	return err
}
