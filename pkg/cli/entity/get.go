package entity

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/past"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

const getHelp = `
Shows an entity's state in the active generation, and how it came about. With
--json it is one line, as the API gives it.

With --at it shows the state as it was after the entity's last event up to a
position of the log, or up to a time, and the one before that event. The time is
the logged time, at which the event stream took an event in, not the time that the
event itself carries. It is folded from the log with the present projections, of at
most 10,000 events.

Examples:
  reprise state get account-42
  reprise state get account-42 --at 2026-03-01T09:30:00Z
  reprise state get account-42 --json | jq .state
  reprise state get -- -odd-id
`

func getCommand() command.Command {
	return command.Command{
		Name:    "state get",
		Arg:     "ENTITY",
		Summary: "show an entity's state",
		Help:    getHelp,
		Check:   command.CheckEntity,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			at := fs.String("at", "", "show the state after the last event up to this `POSITION or TIME`")
			return func(ctx context.Context, entity string) error {
				c, err := f.Client(command.ShortPatience, nil)
				if err != nil {
					return err
				}
				if *at != "" {
					state, err := c.StateAt(ctx, entity, *at)
					if err != nil {
						return err
					}
					return printState(f, &state)
				}
				view, err := c.Entity(ctx, entity)
				if err != nil {
					return err
				}
				return printEntity(f, view)
			}
		},
	}
}

func printEntity(f *command.ClientFlags, v entities.View) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, v)
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		command.Row(w, "entity", v.Entity)
		command.Row(w, "events", fmt.Sprintf("%s applied, %s duplicates (%s with other content), %s ignored",
			progress.Count(v.Count), progress.Count(v.Duplicates), progress.Count(v.Conflicts), progress.Count(v.Ignored)))
		if v.Corrections > 0 {
			command.Row(w, "corrected", fmt.Sprintf("%s events skipped by %s corrections",
				progress.Count(v.Skipped), progress.Count(v.Corrections)))
		}
		command.Row(w, "position", v.Position)
		command.Row(w, "chain", v.Chain)
		command.Row(w, "generation", v.Generation)
		command.Row(w, "projection", command.OrDash(v.Projection)+", version "+v.Version)
		command.Row(w, "built by", Builder(v.Replay))
		if v.Parked != nil {
			command.Row(w, "parked", fmt.Sprintf("at %s by %s: %s; %d events wait behind it",
				v.Parked.Position, v.Parked.Type, v.Parked.Reason, v.Parked.Waiting))
		}
		command.Row(w, "state", command.Lines(pretty(v.State)))
	})
}

func printState(f *command.ClientFlags, s *past.StateAt) error {
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, s)
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		command.Row(w, "entity", s.Entity)
		command.Row(w, "position", s.Position)
		command.Row(w, "logged", logged(s.Logged))
		command.Row(w, "event", string(s.Event))
		command.Row(w, "outcome", s.Outcome)
		command.Row(w, "events", fmt.Sprintf("%s up to there, %s applied",
			progress.Count(int64(s.Number)), progress.Count(s.Count)))
		command.Row(w, "projection", command.OrDash(s.Projection)+", version "+s.Version)
		if s.Parked != nil {
			command.Row(w, "parked", fmt.Sprintf("at %s by %s: %s", s.Parked.Position, s.Parked.Type, s.Parked.Reason))
		}
		if !s.Settled {
			command.Row(w, "open", openEnd)
		}
		command.Row(w, "before", command.Lines(pretty(s.Before)))
		command.Row(w, "state", command.Lines(pretty(s.State)))
	})
}

// openEnd says that a state of the past may yet change.
const openEnd = "the log has not passed that time: events that are under way may still be logged up to it"

// logged writes a logged time to the millisecond, in the form that --at takes.
func logged(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// Builder says what built a row or a generation.
func Builder(replay string) string {
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
