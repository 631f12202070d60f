package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/api"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
)

const stateGetHelp = `
Shows an entity's state in the active generation, and how it came about. With
--json it is one line, as the API gives it.

Examples:
  reprise state get account-42
  reprise state get account-42 --json | jq .state
  reprise state get -- -odd-id
`

func stateGetCommand() command {
	return command{name: "state get", args: "ENTITY", summary: "show an entity's state", help: stateGetHelp,
		setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) error {
			f := a.clientFlags(fs)
			return func(ctx context.Context, args []string) error {
				entity, err := entityID(args)
				if err != nil {
					return err
				}
				c, err := f.client(shortPatience, nil)
				if err != nil {
					return err
				}
				view, err := c.Entity(ctx, entity)
				if err != nil {
					return err
				}
				return f.printEntity(view)
			}
		}}
}

// entityID is the only argument.
func entityID(args []string) (string, error) {
	id, err := one(args, "ENTITY")
	if err != nil {
		return "", err
	}
	err = event.CheckSubject(id)
	var wrong *event.Invalid
	if errors.As(err, &wrong) {
		return "", misuse("that cannot be an entity's id: it %s", wrong.Problem)
	}
	if err != nil {
		return "", misuse("that cannot be an entity's id: %v", err)
	}
	return id, nil
}

func (f *clientFlags) printEntity(v api.EntityView) error {
	if f.json {
		return printJSON(f.app.stdout, v)
	}
	return table(f.app.stdout, func(w io.Writer) {
		row(w, "entity", v.Entity)
		row(w, "events", fmt.Sprintf("%s applied, %s duplicates (%s with other content), %s ignored",
			progress.Count(v.Count), progress.Count(v.Duplicates), progress.Count(v.Conflicts), progress.Count(v.Ignored)))
		row(w, "position", v.Position)
		row(w, "chain", v.Chain)
		row(w, "generation", v.Generation)
		row(w, "projection", orDash(v.Projection)+", version "+v.Version)
		row(w, "built by", builder(v.Replay))
		if v.Parked != nil {
			row(w, "parked", fmt.Sprintf("at %s by %s: %s; %d events wait behind it",
				v.Parked.Position, v.Parked.Type, v.Parked.Reason, v.Parked.Waiting))
		}
		row(w, "state", pretty(v.State))
	})
}

func builder(replay string) string {
	if replay == "" {
		return "the live path"
	}
	return "replay " + replay
}

func pretty(raw json.RawMessage) string {
	var text bytes.Buffer
	if len(raw) == 0 || json.Indent(&text, raw, "", "  ") != nil {
		return string(raw)
	}
	return text.String()
}
