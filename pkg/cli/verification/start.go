package verification

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/printable"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/repairs"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
	"reprise/pkg/verify"
)

const startHelp = `
Checks a generation of the Data Store, the active one by default, and the log itself:
the log is folded again, entity by entity, and every row is compared with what its
events come to, field by field, while live traffic goes on. Each bucket of the log is
compared with its manifest, and the manifests with the heads. It reads only.

Unless --full is given it goes on from the last verification of the generation, and
checks the entities and buckets that have had events since. It checks everything all the
same if there was none, if the last one found drift, and whenever a full one is due (by
default every seventh): only a full one finds what has changed by itself, in rows and
events that nothing has touched since.

That is depth fold, the default. With --depth rebuild it also rebuilds the generation into
a throwaway, through the playback stream, as a replay that is never promoted; verifies the
throwaway as well, against the same fold of the log; and drops it, however it ends. That
shows what depth fold cannot: that readers, playback stream, consumer, marks and proof give
the same rows. What they got wrong is drift of the kind rebuilt. It costs as much as a
rebuild, so it is for once a week or a month, and after an upgrade. It is always full. The
replay has the verification's name, and can be paused and slowed down like any other;
cancelling one ends the other.

With --budget it stops when it has used that much, counted as AWS would charge, and fails
with a report on what was verified and what was not.

With --wait it exits 0 only if nothing is wrong, and 1 on drift. With --repair drifted
rows are rebuilt then, after asking: see reprise help verify repair.

Examples:
  reprise verify start --wait
  reprise verify start --full --budget 2.50usd --wait
  reprise verify start --depth rebuild --wait
  reprise verify start --generation g0003
`

// Commands returns the commands of reprise verify, in the order in which help lists
// them.
func Commands() []command.Command {
	return []command.Command{startCommand(), listCommand(), reportCommand(), repairCommand(), cancelCommand()}
}

type startFlags struct {
	*command.ClientFlags
	name  string
	input verify.Request
	wait  bool
	// mend repairs what is found, after an approval or if yes is set.
	mend, yes bool
}

func startCommand() command.Command {
	return command.Command{
		Name:    "verify start",
		Summary: "check the Data Store and the log against what the log folds to",
		Help:    startHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &startFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.name, "name", "", "`ID` of the verification (default: chosen)")
			fs.StringVar(&f.input.Generation, "generation", "", "`ID` of the generation (default: the active one)")
			fs.BoolVar(&f.input.Full, "full", false, "check every row and the whole log, not only what has changed")
			fs.Func("depth", "`DEPTH` of the check: fold, or rebuild, which rebuilds a throwaway,\ntoo (default: fold)",
				func(text string) (err error) {
					f.input.Depth, err = verify.ParseDepth(text)
					return err
				})
			fs.Func("budget", "`AMOUNT` that the verification may use, as 2.50usd or\n400000ru (default: no budget)",
				func(text string) (err error) {
					f.input.Budget, err = request.BudgetOf(text)
					return err
				})
			fs.BoolVar(&f.mend, "repair", false, "wait, and then rebuild what is found to be wrong, after asking")
			fs.BoolVar(&f.yes, "yes", false, "do not ask before --repair rebuilds")
			fs.BoolVar(&f.wait, "wait", false, "show progress, and exit 0 only if nothing is wrong")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *startFlags) run(ctx context.Context) error {
	start, err := f.start()
	if err != nil {
		return err
	}
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.ShortPatience, meter)
	if err != nil {
		return err
	}
	view, err := c.StartVerification(ctx, start)
	if err != nil {
		return err
	}
	if f.wait || f.mend {
		return f.watch(ctx, view.ID, meter)
	}
	if f.JSON {
		return command.PrintJSON(f.App.Stdout, view)
	}
	err = command.Say(f.App.Stdout, "verification %s is %s", view.ID, view.Status)
	meter.Note("see what it finds with: reprise verify report %s", view.ID)
	return err
}

// start is the request, with a name that the client chooses, so that retrying it does
// not start a second verification.
func (f *startFlags) start() (verifications.Start, error) {
	if err := f.input.Check(); err != nil {
		return verifications.Start{}, command.Misuse("--generation: %s", verify.Reason(err))
	}
	name := f.name
	if name == "" {
		random := make([]byte, 3)
		if _, err := io.ReadFull(f.App.Random, random); err != nil {
			return verifications.Start{}, fmt.Errorf("choose name: %w", err)
		}
		name = fmt.Sprintf("verify-%s-%x", f.App.Now().UTC().Format("20060102-150405"), random)
	}
	if err := verify.CheckID(name); err != nil {
		return verifications.Start{}, command.Misuse("--name: %s", verify.Reason(err))
	}
	input, err := json.Marshal(f.input)
	return verifications.Start{Name: name, Input: input}, err
}

// watch shows a verification until its end, then what it found, and fails unless
// nothing is wrong.
func (f *startFlags) watch(ctx context.Context, id string, meter *progress.Meter) error {
	const interval = 500 * time.Millisecond
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	for {
		view, err := c.Verification(ctx, id)
		if err != nil {
			return follow(err, id)
		}
		if view.Status.Ended() {
			meter.Done()
			if err := show(f.ClientFlags, view); err != nil || !f.mend || view.Status != verify.Drift {
				return errors.Join(err, judge(view))
			}
			return (&repair{f.ClientFlags, f.yes}).run(ctx, view)
		}
		meter.Show(state(view, f.App.Now()))
		if err := f.App.Sleep(ctx, interval); err != nil {
			meter.Note("the verification goes on; see what it finds with: reprise verify report %s", id)
			return err
		}
	}
}

func follow(err error, id string) error {
	if _, unreachable := errors.AsType[*client.Unreachable](err); unreachable {
		return command.Hint(err, "the verification goes on once the platform runs again: reprise verify report %s", id)
	}
	return err
}

// state is what a meter shows of a verification that goes on.
func state(v verifications.View, now time.Time) progress.State {
	s := progress.State{Label: "verified", Fraction: -1}
	p := v.Progress
	if b := v.Rebuild; v.Status == verify.Rebuilding && b != nil {
		s.Label, s.Fraction = "rebuilt", b.Percent/100
		s.Detail = "by replay " + printable.Cell(b.Replay)
		if b.Status == replay.ShownPaused {
			s.Detail += ", which is paused: reprise replay resume " + printable.Cell(b.Replay)
		}
		return s
	}
	switch {
	case p == nil || v.Events == 0:
		s.Detail = "nothing yet"
		return s
	case p.Events == 0 && p.Rows == 0:
		s.Detail = "nothing yet; each lane begins once the generation's consumer has reached the cut in it"
		return s
	}
	s.Fraction = p.Percent / 100
	s.Detail = fmt.Sprintf("%s of %s events, %s rows", progress.Count(p.Events), progress.Count(v.Events),
		progress.Count(p.Rows))
	if p.Drift > 0 {
		s.Detail += fmt.Sprintf(", %s differences", progress.Count(p.Drift))
	}
	if v.Cut != nil && s.Fraction > 0.02 {
		s.Left = time.Duration(float64(now.Sub(*v.Cut)) * (1 - s.Fraction) / s.Fraction)
	}
	return s
}

// isOnlyBehind reports whether nothing is wrong but that the consumer has not come.
func isOnlyBehind(v verifications.View) bool {
	return v.Report != nil && len(v.Report.Drift) == 1 && v.Report.Drift[verify.Behind] > 0
}

// judge is nil for a verification that found nothing wrong.
func judge(v verifications.View) error {
	switch {
	case v.Status == verify.Clean:
		return nil
	case v.Status == verify.Drift && v.Report != nil && v.Report.Drift[verify.Rebuilt] > 0:
		return command.Hint(fmt.Errorf("verification %s found drift: %s", v.ID, drift(v.Report)),
			"the rebuilt rows are wrong: trust no rebuild until the cause is found; reprise verify report %s", v.ID)
	case isOnlyBehind(v):
		return command.Hint(fmt.Errorf("verification %s found drift: %s", v.ID, drift(v.Report)),
			"the consumer of these lanes stood still; reprise status shows how far it is behind. "+
				"Once it goes on, verify again: reprise verify start --generation %s --wait", v.Generation)
	case repairs.InPlace(v):
		return command.Hint(fmt.Errorf("verification %s found drift: %s", v.ID, drift(v.Report)),
			"reprise repair --verification %s --reason TEXT folds these entities again in place; "+
				"reprise verify repair %s rebuilds the generation", v.ID, v.ID)
	case v.Status == verify.Drift:
		return command.Hint(fmt.Errorf("verification %s found drift: %s", v.ID, drift(v.Report)),
			"a rebuild makes the rows what the log folds to: reprise verify repair %s; "+
				"where the log itself differs, restore it first", v.ID)
	case v.Failure != nil:
		return fmt.Errorf("verification %s is %s: %s: %s", v.ID, v.Status, v.Failure.Error, v.Failure.Cause)
	}
	return fmt.Errorf("verification %s is %s", v.ID, strings.ToLower(string(v.Status)))
}
