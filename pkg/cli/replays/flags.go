package replays

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/selection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
	"reprise/workflows"
)

// inputFlags defines a flag for every member of a replay's input.
func inputFlags(fs *flag.FlagSet, r *replay.Request) {
	selection.Flags(fs, r, "to replay")
	fs.BoolVar(&r.Rebuild, "rebuild", false, "project into a new generation of the Data Store")
	fs.Var(promoteFlag{r}, "promote", "make the rebuilt generation the active one; --promote=ask once\n"+
		"somebody has approved: auto, ask or never (default never)")
	fs.Var(textFlag[request.Effects]{&r.Effects}, "effects",
		"`diff` compares what the business logic as it is now would send\nwith what was sent; nothing is sent "+
			"(default: no comparison)")
	fs.Var(textFlag[request.Ordering]{&r.Ordering}, "ordering",
		"`ORDER` of delivery: entity, window (slice after slice) or none\n(default entity)")
	fs.Var(textFlag[request.Width]{&r.Slice}, "slice", "`WIDTH` of a time slice, as 6h or 7d (default: chosen)")
	fs.Var(numberFlag{&r.Parallelism, 1}, "parallelism",
		fmt.Sprintf("`NUMBER` of segment readers (default %d)", replay.DefaultParallelism))
	fs.Var(numberFlag{&r.Rate, 0}, "rate", "`EVENTS` per second of the whole replay, 0 for no limit (default 0)")
	fs.Var(budgetFlag{&r.Budget}, "budget",
		"`AMOUNT` that the replay may use before it pauses, as 2.50usd or\n400000ru (default: no budget)")
	fs.Var(optionalFlag{&r.ToleratedFailures}, "tolerated-failures",
		"`NUMBER` of lane groups that may fail before the others are stopped\n(default: the others go on)")
	fs.BoolVar(&r.DryRun, "dry-run", false, "print the plan and start nothing")
}

// promoteFlag says when to promote. Without a value it means auto.
type promoteFlag struct{ into *replay.Request }

func (f promoteFlag) String() string { return "" }

// IsBoolFlag lets the flag stand without a value.
func (f promoteFlag) IsBoolFlag() bool { return true }

func (f promoteFlag) Set(text string) error {
	promotion, err := request.PromotionOf(text)
	if err == nil {
		*f.into = f.into.WithPromotion(promotion)
	}
	return err
}

// textFlag is a text that is not empty.
type textFlag[T ~string] struct{ into *T }

func (f textFlag[T]) String() string { return "" }

func (f textFlag[T]) Set(text string) error {
	if text == "" {
		return errors.New("must not be empty")
	}
	*f.into = T(text)
	return nil
}

// numberFlag is a number that is not below the lowest; the request has the highest.
type numberFlag struct {
	into *int
	low  int
}

func (f numberFlag) String() string { return "" }

func (f numberFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low {
		return fmt.Errorf("expected a whole number of at least %d", f.low)
	}
	*f.into = n
	return nil
}

// budgetFlag is an amount in money or read units.
type budgetFlag struct{ into **request.Budget }

func (f budgetFlag) String() string { return "" }

func (f budgetFlag) Set(text string) error {
	budget, err := request.BudgetOf(text)
	if err == nil {
		*f.into = &budget
	}
	return err
}

// optionalFlag is a number from 0 on that has no default.
type optionalFlag struct{ into **int }

func (f optionalFlag) String() string { return "" }

func (f optionalFlag) Set(text string) error {
	var n int
	err := numberFlag{&n, 0}.Set(text)
	if err == nil {
		*f.into = &n
	}
	return err
}

const schemaHelp = `
Prints the JSON schema of a replay's input: what an execution of the replay state
machine takes, and POST /replays and POST /plans as the member input. The flags of
reprise replay start make the same input.

Examples:
  reprise replay schema | jq .properties.ordering
`

func schemaCommand() command.Command {
	return command.Command{
		Name:    "replay schema",
		Summary: "print the JSON schema of a replay's input",
		Help:    schemaHelp,
		Setup: func(a *command.App, _ *flag.FlagSet) command.Exec {
			return func(context.Context, string) error {
				if _, err := io.WriteString(a.Stdout, workflows.ReplayInput()); err != nil {
					return fmt.Errorf("print schema: %w", err)
				}
				return nil
			}
		},
	}
}
