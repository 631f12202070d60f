package verification

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"

	"reprise/pkg/api/verifications"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/repairs"
	"reprise/pkg/cli/replays"
	"reprise/pkg/replay"
	"reprise/pkg/verify"
)

const repairHelp = `
Repairs the drift of rows that a verification has found: it folds the whole log into a
new generation, beside live traffic, proves that, makes it the active one, and verifies
all of it. The drifted generation is kept, to go back to, until another rebuild ends.
That is the exact way for every kind of drift of rows: a row that is missing, or whose
place or index is in doubt, does not tell where its events are.

Where all of the drift is in what rows say of their events (kinds state, count, chain,
parked and version), reprise repair --verification ID folds only those entities again,
in place.

It asks before it begins, or needs --yes. It refuses drift of the log itself (kinds head
and manifest): a rebuild from a damaged log would spread the damage. Restore that first. It
also refuses drift of the kind rebuilt: there a rebuild has come to other rows than the log.
Called again it goes on with the same rebuild.

Examples:
  reprise verify repair nightly-20260301-0300
  reprise verify repair nightly-20260301-0300 --yes
`

func repairCommand() command.Command {
	return command.Command{
		Name:    "verify repair",
		Arg:     "ID",
		Summary: "rebuild what a verification has found to be wrong",
		Help:    repairHelp,
		Check:   checkID,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			r := &repair{ClientFlags: a.ClientFlags(fs)}
			fs.BoolVar(&r.yes, "yes", false, "do not ask")
			return func(ctx context.Context, id string) error {
				c, err := r.Client(command.ShortPatience, nil)
				if err != nil {
					return err
				}
				view, err := c.Verification(ctx, id)
				if err != nil {
					return err
				}
				return r.run(ctx, view)
			}
		},
	}
}

// repair rebuilds after an approval.
type repair struct {
	*command.ClientFlags
	yes bool
}

// notRows are the kinds of drift that no rebuild can repair.
func notRows() []verify.Kind { return []verify.Kind{verify.Head, verify.Manifest, verify.Behind} }

// run repairs what a verification has found.
func (r *repair) run(ctx context.Context, found verifications.View) error {
	if err := repairable(found); err != nil {
		return err
	}
	meter := progress.New(r.App.Stderr, r.App.Now)
	defer meter.Done()
	if err := r.approved(meter, found); err != nil {
		return err
	}
	c, err := r.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	name := clipped("repair-" + found.ID)
	if err := isActive(ctx, c, found.Generation, name); err != nil {
		return err
	}
	if err := r.rebuild(ctx, c, meter, name, found.ID); err != nil {
		return err
	}
	again := &startFlags{ClientFlags: r.ClientFlags, name: clipped("repaired-" + found.ID), wait: true,
		input: verify.Request{Full: true}}
	return again.run(ctx)
}

// repairable returns an error unless a rebuild of the active generation repairs what was
// found.
func repairable(v verifications.View) error {
	if v.Status != verify.Drift || v.Report == nil {
		return fmt.Errorf("verification %s is %s: there is no drift to repair", v.ID, v.Status)
	}
	if v.Report.Drift[verify.Rebuilt] > 0 {
		return command.Hint(fmt.Errorf("verification %s found that a rebuild comes to other rows than the log: %s", v.ID,
			drift(v.Report)), "a repair by a rebuild would make them the active ones; reprise verify report %s shows what "+
			"differs, and reprise repair --verification %s folds drifted entities again without a rebuild", v.ID, v.ID)
	}
	for _, kind := range slices.Sorted(maps.Keys(v.Report.Drift)) {
		if slices.Contains(notRows(), kind) {
			return command.Hint(fmt.Errorf("verification %s found drift that no rebuild repairs: %s", v.ID, drift(v.Report)),
				"reprise verify report %s shows where; a damaged log has to be restored, and a consumer that is behind to be "+
					"started, before rows are rebuilt", v.ID)
		}
	}
	return nil
}

// isActive returns an error unless a generation, or what the rebuild has made of it, is the
// active one: a rebuild makes another generation active, and repairs no other.
func isActive(ctx context.Context, c *client.Client, generation, rebuild string) error {
	all, err := c.Generations(ctx)
	if err != nil || all.Active == generation {
		return err
	}
	for _, g := range all.Generations {
		if g.ID == all.Active && g.Replay == rebuild {
			return nil
		}
	}
	return command.Hint(fmt.Errorf("generation %s is not the active one, which is %s", generation, all.Active),
		"verify the active one; a generation that is not active is replaced by the next rebuild")
}

var errDeclined = errors.New("nothing was rebuilt")

// approved asks whether to rebuild.
func (r *repair) approved(meter *progress.Meter, v verifications.View) error {
	if r.yes {
		return nil
	}
	meter.Note("verification %s of %s found: %s", v.ID, v.Generation, drift(v.Report))
	if repairs.InPlace(v) {
		meter.Note("reprise repair --verification %s --reason TEXT folds only the entities again that it lists, in place",
			v.ID)
	}
	meter.Note("a repair folds the whole log into a new generation and makes that the active one; type yes to begin")
	return r.App.Approved("a repair", errDeclined)
}

// rebuild folds the log into a new generation, and waits until it is the active one.
func (r *repair) rebuild(ctx context.Context, c *client.Client, meter *progress.Meter, name, id string) error {
	if _, err := c.StartReplay(ctx, name, replay.Request{Rebuild: true, Promote: true}); err != nil {
		return err
	}
	w := &replays.Watcher{Client: c, Meter: meter, Now: r.App.Now, Sleep: r.App.Sleep}
	view, err := w.Watch(ctx, name)
	meter.Done()
	switch {
	case errors.Is(err, context.Canceled):
		meter.Note("the rebuild goes on; go on with: reprise verify repair %s --yes", id)
		return err
	case err != nil:
		return err
	case view.Status != replay.Succeeded || !view.Promoted:
		return command.Hint(fmt.Errorf("rebuild %s is %s", name, view.Status), "see why with: reprise replay get %s", name)
	}
	return nil
}

// clipped is a name of at most 80 characters.
func clipped(name string) string { return name[:min(len(name), 80)] }
