package simulation

import (
	"context"
	"encoding/json"
	"log/slog"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/platform"
	"reprise/pkg/projection"
	calls "reprise/pkg/steps"
	"reprise/pkg/verify"
)

// verifyAtEnd verifies a generation that is as it should be: nothing may differ. Where a
// generation was emptied while a batch was applied to it, the batch may have stored the
// index entries of a new entity before, and its row after that: the verification then
// finds, rightly, that the index lacks them.
func (w *world) verifyAtEnd(generation string) {
	a := w.newActor("verifier")
	a.direct = true
	row, err := w.verification(a, generation)
	switch {
	case err != nil:
		w.breakf(liveness, "verification of generation %s: %v", generation, err)
	case w.isWiped(generation) && row.Status == verify.Drift && len(row.Drift) == 1 && row.Drift[verify.Index] > 0:
	case row.Status != verify.Clean:
		text, _ := json.Marshal(row)
		w.breakf(determinism, "verification of generation %s is %s: %s; %+v", generation, row.Status, text,
			w.differences(a, "verify-"+generation))
	}
}

// differences are what a verification has found.
func (w *world) differences(a *actor, id string) []verify.Difference {
	row, err := verify.Store{Table: w.partsOf(a).Table, Now: w.clock}.Load(context.Background(), id)
	if err != nil || row.Report == nil {
		return nil
	}
	return row.Report.Differences
}

// verification carries out a verification of a generation.
func (w *world) verification(a *actor, generation string) (row calls.ReportVerificationOutput, err error) {
	parts := w.partsOf(a)
	view := eventlog.View{Log: parts.EventLog, Heads: eventlog.Heads{Table: parts.Table}}
	parts.Applier, parts.Log = projection.NewApplier(w.setAt(a.code), view), slog.New(slog.DiscardHandler)
	// Spans of a few rows.
	parts.Settings.VerifyBytes, parts.Settings.LongStep = 10_000, stallLimit
	p, ctx, id := platform.New(parts), context.Background(), "verify-"+generation
	input, err := json.Marshal(verify.Request{Generation: generation})
	if err != nil {
		return row, err
	}
	plan, err := p.PlanVerification()(ctx, calls.PlanVerificationInput{Verification: id, Input: input})
	if err != nil {
		return row, err
	}
	for group := range plan.Groups {
		for status := verify.Continue; status == verify.Continue; {
			out, err := p.VerifyLanes()(ctx, calls.VerifyInput{Verification: id, Group: group})
			if err != nil {
				return row, err
			}
			status = out.Status
		}
	}
	return p.ReportVerification()(ctx, calls.ReportVerificationInput{Verification: id})
}

// Identities implements datastore.Recaller.
func (g generation) Identities(
	ctx context.Context, lane event.Lane, from, to string, visit func(datastore.Identity) error,
) error {
	var found []datastore.Identity
	err := g.do(ctx, "store.identities", lane, from, func(_ fate, held *generationState) error {
		for _, e := range held.first[lane] {
			if key := event.EscapeEntity(e.Entity) + "#"; key >= from && (to == "" || key <= to) {
				found = append(found, e)
			}
		}
		return nil
	})
	for i := range found {
		if err == nil {
			err = visit(found[i])
		}
	}
	return err
}
