package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/datastore"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

// stepAgain invokes a step with the input that the execution "r" gave it, as a redrive does, and
// returns its output as JSON.
type stepAgain func(ctx context.Context) (string, error)

func again[In, Out any](step func(context.Context, In) (Out, error), in In) stepAgain {
	return func(ctx context.Context) (string, error) {
		out, err := step(ctx, in)
		raw, encoded := json.Marshal(out)
		return string(raw), errors.Join(err, encoded)
	}
}

// redriven are the steps of the replay state machine, with what they answer in an
// execution whose replay has ended.
func redriven(p *platform.Platform) map[string]struct {
	step stepAgain
	says string
} {
	by := steps.Execution{Name: "r"}
	in := steps.StepInput{Replay: "r", Execution: by}
	return map[string]struct {
		step stepAgain
		says string
	}{
		"PlanReplay": {again(p.Plan(), steps.PlanInput{Replay: "r", Input: json.RawMessage(`{"rebuild":true}`)}),
			`"stopped":true`},
		"ReadSegments":      {again(p.Read(), steps.SegmentInput{Replay: "r", Execution: by}), `"status":"stopped"`},
		"AwaitDrain":        {again(p.Drain(), in), `"status":"stopped"`},
		"ProveCompleteness": {again(p.Prove(), in), "ended"},
		"FollowStream":      {again(p.Follow(), in), `"replay":"r"`},
		"PromoteGeneration": {again(p.Promote(), in), `"status":"stopped"`},
		"AwaitResume": {again(p.AwaitResume(), steps.WaitInput{Replay: "r", Token: "t", Execution: by}),
			`"replay":"r"`},
		"ReportReplay": {again(p.Report(), steps.ReportInput{Replay: "r", Execution: by}), `"status":"FAILED"`},
		"ReportFailure": {again(p.Report(), steps.ReportInput{Replay: "r", Error: "Other", Cause: "c", Execution: by}),
			`"status":"FAILED"`},
	}
}

// Step Functions can redrive an execution that failed, from any of its states. Whichever
// that is, a step of a replay that has failed says that it is over, and one of a replay
// that was continued is refused by name; neither changes anything.
func TestARedrivenStepChangesNothing(t *testing.T) {
	w := platformtest.New(t)
	p := w.Platform()
	p.Executions = noExecutions{}
	ctx := t.Context()
	registry := datastore.Registry{Table: w.Parts.Table, Now: w.Parts.Now}
	_, err := registry.EnsureFirst(ctx, w.Parts.Generations, platformtest.Lanes, w.Parts.Applier.Version())
	must(t, err)
	_, err = p.Plan()(ctx, steps.PlanInput{Replay: "r", Input: json.RawMessage(`{"rebuild":true}`)})
	must(t, err)
	_, err = p.Report()(ctx, steps.ReportInput{Replay: "r", Error: replay.FaultUnread, Cause: "c",
		Execution: steps.Execution{Name: "r"}})
	must(t, err)
	for name, c := range redriven(p) {
		before := everything(t, w)
		out, err := c.step(ctx)
		if err != nil {
			out = err.Error()
		}
		if after := everything(t, w); !strings.Contains(out, c.says) || after != before {
			t.Errorf("after the failure, %s says %s, want %s\n%s\n%s", name, out, c.says, before, after)
		}
	}
	_, err = p.Control()(ctx, steps.ControlInput{Input: json.RawMessage(`{"replay":"r","action":"continue"}`)})
	must(t, err)
	for name, c := range redriven(p) {
		before := everything(t, w)
		_, err := c.step(ctx)
		var named messages.InvokeResponse_Error
		refused := errors.As(err, &named) && named.Type == steps.FaultSuperseded
		// A report of a failure has to end the execution, whatever became of the replay.
		if after := everything(t, w); refused == (name == "ReportFailure") || after != before {
			t.Errorf("after the replay was continued, %s says %v\n%s\n%s", name, err, before, after)
		}
	}
}

// everything is what the control table holds about replays and generations.
func everything(t *testing.T, w *platformtest.World) string {
	t.Helper()
	var text strings.Builder
	for _, partition := range []string{"replays", "registry", replay.Partition("r")} {
		docs, err := w.Parts.Table.List(t.Context(), partition, "", 100)
		must(t, err)
		for _, doc := range docs {
			fmt.Fprintf(&text, "%s/%s %s %s\n", doc.Partition, doc.Sort, doc.Version, doc.Body)
		}
	}
	return text.String()
}
