package deployed

import (
	"crypto/rand"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/integration/engines"
	"reprise/integration/template"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/datastore"
)

// Fire starts an execution as the scheduler does when a schedule is due, which must be on.
func (w *World) Fire(schedule, execution string) {
	w.t.Helper()
	for _, s := range w.options.Deployment.Schedules {
		if s.Name != w.options.Prefix+"-"+schedule {
			continue
		}
		if !s.On {
			w.t.Fatalf("schedule %s is off", s.Name)
		}
		_, err := w.StepFunctions().StartExecution(w.t.Context(), &sfn.StartExecutionInput{
			StateMachineArn: &s.Target, Name: &execution, Input: aws.String(s.Input)})
		if err != nil {
			w.t.Fatal(err)
		}
		return
	}
	w.t.Fatalf("there is no schedule %s", schedule)
}

// Metric counts what a metric filter of the templates counts in its function's log.
func (w *World) Metric(name string) (n int) {
	w.t.Helper()
	for _, f := range w.options.Deployment.Filters {
		if f.Metric == name {
			return w.matching(f)
		}
	}
	w.t.Fatalf("no filter counts %s", name)
	return 0
}

// matching counts the lines that a pattern { $.msg = "text" } matches; there are no others.
func (w *World) matching(f template.Filter) (n int) {
	w.t.Helper()
	text, found := strings.CutPrefix(f.Pattern, "{ $.msg = ")
	var message string
	if err := json.Unmarshal([]byte(strings.TrimSuffix(text, " }")), &message); err != nil || !found {
		w.t.Fatalf("filter of %s: pattern %s is not known here", f.Metric, f.Pattern)
	}
	for line := range strings.Lines(w.Host.Output(strings.TrimPrefix(f.LogGroup, "/aws/lambda/"))) {
		var logged struct {
			Message string `json:"msg"`
		}
		if json.Unmarshal([]byte(line), &logged) == nil && logged.Message == message {
			n++
		}
	}
	return n
}

// Generation opens the stored rows of a generation, to plant faults in them.
func (w *World) Generation(id string) datastore.Generation {
	w.t.Helper()
	all := datastoredynamo.New(w.DynamoDB(), engines.Codec(w.t), datastoredynamo.Options{
		Prefix: w.options.Prefix + "-generation-", Pace: engines.Pace(), Waits: 1, Random: rand.Reader})
	return all.Open(id)
}
