package outgoing

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
)

const approveHelp = `
Sends the differences that a replay has found: what should have been sent and was
not, and again what was sent otherwise; what was sent and should not have been, or
was sent otherwise, is undone first, where the business logic declares a compensation.
Each is carried out once, however often the platform is interrupted, and no faster
than --rate. What fails is tried again, and shown if it cannot be done.

--only narrows it down, repeatedly: class=changed, class=surplus, class=missing,
call=SYSTEM/NAME or entity=ID. Values of one kind are alternatives; of several kinds
all must hold.

It asks before anything is sent; --yes answers. --wait waits for the end.

Examples:
  reprise effects approve fees --reason "wrong fee in March" --wait
  reprise effects approve fees --only class=surplus --only call=payments/charge --reason "…" --yes
`

type approveFlags struct {
	*command.ClientFlags
	request   outgoing.ApproveRequest
	yes, wait bool
	timeout   time.Duration
}

func approveCommand() command.Command {
	return command.Command{
		Name:    "effects approve",
		Arg:     "REPLAY",
		Flags:   "--reason TEXT",
		Summary: "send what a replay has found to differ",
		Help:    approveHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &approveFlags{ClientFlags: a.ClientFlags(fs)}
			fs.Var(onlyFlag{&f.request.Only}, "only", "only `KIND=VALUE`: class, call or entity; repeatable")
			fs.StringVar(&f.request.Reason, "reason", "", "why, a `TEXT` that is kept")
			fs.StringVar(&f.request.Who, "who", "", "your `NAME`, where the platform does not know it")
			fs.IntVar(&f.request.Rate, "rate", approval.DefaultRate, "the highest `NUMBER` of corrections per second")
			fs.BoolVar(&f.yes, "yes", false, "do not ask")
			fs.BoolVar(&f.wait, "wait", false, "wait until all is carried out")
			fs.DurationVar(&f.timeout, "timeout", time.Hour, "how long --wait waits, a `TIME` such as 90s")
			return f.run
		},
	}
}

// onlyFlag narrows an approval.
type onlyFlag struct{ into *approval.Only }

func (f onlyFlag) String() string { return "" }

func (f onlyFlag) Set(text string) error {
	kind, value, found := strings.Cut(text, "=")
	if !found || value == "" {
		return errors.New("expected class=CLASS, call=SYSTEM/NAME or entity=ID")
	}
	switch kind {
	case "class":
		if !slices.Contains(approval.Approvable(), effects.Class(value)) {
			return errors.New("expected the class changed, surplus or missing")
		}
		f.into.Classes = append(f.into.Classes, effects.Class(value))
	case "call":
		f.into.Calls = append(f.into.Calls, value)
	case "entity":
		f.into.Entities = append(f.into.Entities, value)
	default:
		return errors.New("expected class=CLASS, call=SYSTEM/NAME or entity=ID")
	}
	return nil
}

var (
	errDeclined = errors.New("not approved: nothing was sent")
	errTimeout  = errors.New("timed out before all was carried out")
)

func (f *approveFlags) run(ctx context.Context, replay string) error {
	switch {
	case f.request.Reason == "":
		return command.Misuse("--reason must say why")
	case f.request.Rate < 1 || f.request.Rate > approval.MaxRate:
		return command.Misuse("--rate must be between 1 and %d", approval.MaxRate)
	}
	c, err := f.Client(command.ShortPatience, nil)
	if err != nil {
		return err
	}
	counts, err := approvable(ctx, c, replay, &f.request.Only)
	if err != nil {
		return err
	}
	if total(counts) == 0 {
		_, err := fmt.Fprintln(f.App.Stderr, "nothing is left to approve")
		return err
	}
	if !f.yes {
		_, _ = fmt.Fprintf(f.App.Stderr, "this calls external systems: %d changed, %d surplus, %d missing calls.\n"+
			"Send them? (yes/no) ", counts[effects.Changed], counts[effects.Surplus], counts[effects.Missing])
		if err := f.App.Approved("sending effects", errDeclined); err != nil {
			return err
		}
	}
	made, err := c.ApproveEffects(ctx, replay, f.request)
	if err != nil {
		return err
	}
	if f.wait {
		if made, err = f.await(ctx, c, made, total(counts)); err != nil {
			return err
		}
	}
	return f.print(&made)
}

func (f *approveFlags) print(a *approval.Approval) error {
	if f.JSON {
		if err := command.PrintJSON(f.App.Stdout, a); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(f.App.Stdout, "approval %d of replay %s %s\n", a.Number, a.Replay,
		approvalText(a)); err != nil {
		return err
	}
	if a.Ended != nil && a.Failed > 0 {
		return command.Hint(errFailed, "reprise effects show %s says which and why", a.Replay)
	}
	return nil
}

// pollApproval is how often --wait looks.
const pollApproval = 500 * time.Millisecond

func (f *approveFlags) await(
	ctx context.Context, c *client.Client, made approval.Approval, all int64,
) (approval.Approval, error) {
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	for start := f.App.Now(); ; {
		page, err := c.Comparison(ctx, made.Replay, "", "")
		if err != nil {
			return made, err
		}
		for i := range page.Approvals {
			if page.Approvals[i].Number == made.Number {
				made = page.Approvals[i]
			}
		}
		if made.Ended != nil {
			return made, nil
		}
		done := made.Sent + made.Undone + made.Failed
		meter.Show(progress.State{Label: "sending", Fraction: min(1, float64(done)/float64(max(1, all))),
			Detail: fmt.Sprintf("%d sent, %d undone, %d failed, %d tried again", made.Sent, made.Undone, made.Failed,
				made.Left)})
		if f.App.Now().Sub(start) >= f.timeout {
			return made, command.Hint(errTimeout, "it goes on by itself; reprise effects show %s shows how far", made.Replay)
		}
		if err := f.App.Sleep(ctx, pollApproval); err != nil {
			return made, err
		}
	}
}
