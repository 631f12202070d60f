package wiring

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reprise/pkg/replay/lifecycle"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/integration/engines"
	"reprise/integration/faultproxy"
	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/feedkinesis"
	"reprise/pkg/aws/settings"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/steps"
)

// meteredWorld makes functions as on AWS, each with its own meter, over engines that
// speak the services' protocols.
type meteredWorld struct {
	*platformtest.World
	settings  settings.Settings
	meters    map[string]*meter.Meter
	platforms map[string]*platform.Platform
}

func newMeteredWorld(t *testing.T) *meteredWorld {
	t.Helper()
	tables, streams := engines.DynamoDB(t, nil), engines.Kinesis(t, nil)
	proxy, err := faultproxy.Start(faultproxy.Config{
		Target: aws.ToString(tables.Options().BaseEndpoint), Answer: engines.Lacking})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": proxy.URL(),
		"AWS_ENDPOINT_URL_KINESIS":  aws.ToString(streams.Options().BaseEndpoint),
		"AWS_REGION":                "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	} {
		t.Setenv(name, value)
	}
	names, err := settings.NewNames(fmt.Sprintf("m%08x", rand.Uint32()))
	if err != nil {
		t.Fatal(err)
	}
	w := &meteredWorld{
		World:     newWorld(t),
		meters:    make(map[string]*meter.Meter),
		platforms: make(map[string]*platform.Platform),
	}
	w.settings = settings.Settings{
		Names:           names,
		Lanes:           platformtest.Lanes,
		Bucket:          eventlog.Day,
		Retention:       24 * time.Hour,
		WriteVersion:    "1",
		Parallelization: 2,
	}
	for _, table := range []string{names.ControlTable(), names.EventsTable()} {
		createTable(t, tables, table)
	}
	made := feedkinesis.New(streams, feedkinesis.Options{Pace: awsclient.Standard()})
	for _, name := range []string{names.EventStream(), names.PlaybackStream()} {
		if _, err := made.Create(t.Context(), name, 1); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// createTable creates a table as the stacks do.
func createTable(t *testing.T, client *dynamodb.Client, name string) {
	t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange}},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS}}}
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

// function opens the environment of a function.
func (w *meteredWorld) function(t *testing.T, name string) *platform.Platform {
	t.Helper()
	p, err := OnAWS(t.Context(), name, w.settings, w.Parts.Log)
	if err != nil {
		t.Fatal(err)
	}
	p.WakeKeeper = w.Parts.WakeKeeper
	p.Transitions = func(context.Context, string) (int, error) { return 11, nil }
	w.meters[name], w.platforms[name] = p.Meter, p
	return p
}

// TestAllThatAReplayUsesIsInItsReport runs a rebuild over the adapters of AWS: the
// report shows what the functions' meters counted, except for usage after the report
// was made.
func TestAllThatAReplayUsesIsInItsReport(t *testing.T) {
	w := newMeteredWorld(t)
	live := w.function(t, "pump-events")
	batch := platformtest.Sent(t, live, "account.opened", "account.deposited", "other.happened")
	if answer, err := live.Pump()(t.Context(), batch); err != nil || len(answer.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	parts := slices.Sorted(maps.Keys(w.meters["pump-events"].Snapshot()))
	if strings.Join(parts, " ") != "control datastore log streams" {
		t.Errorf("parts %v", parts)
	}
	delete(w.meters, "pump-events")
	ctx, in := t.Context(), steps.StepInput{Replay: "r1"}
	plan := w.function(t, "plan-replay")
	out, err := plan.Plan()(ctx, steps.PlanInput{Replay: "r1", Input: []byte(`{"rebuild":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	read := w.function(t, "read-segment")
	for group := range out.Groups {
		if _, err := read.Read()(ctx, steps.SegmentInput{Replay: "r1", Group: group}); err != nil {
			t.Fatal(err)
		}
	}
	apply := w.function(t, "apply-playback")
	answer, err := apply.ApplyPlayback()(ctx, platformtest.Records(t, apply.Playback))
	if err != nil || len(answer.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	drained := w.function(t, "check-drained")
	prove := w.function(t, "prove-completeness")
	report := w.function(t, "report-replay")
	_, drainErr := drained.Drain()(ctx, in)
	proof, proofErr := prove.Prove()(ctx, in)
	// The report itself, without the usage of storing it.
	reporter := &steps.ReportReplay{Closer: report.Closer(), Viewer: report.API().Viewer, Spending: report.Spending(),
		Transitions: report.Transitions, Now: report.Now, Log: report.Log}
	view, err := reporter.Handle(ctx, steps.ReportInput{Replay: "r1"})
	if err := errors.Join(drainErr, proofErr, err); err != nil || !proof.Complete {
		t.Fatalf("%+v, %v", proof, err)
	}
	w.compare(t, view)
}

// compare compares a report with the meters.
func (w *meteredWorld) compare(t *testing.T, view lifecycle.View) {
	t.Helper()
	if view.Cost == nil || view.Cost.Transitions == nil || *view.Cost.Transitions != 12 {
		t.Fatalf("cost %+v", view.Cost)
	}
	for name, m := range w.meters {
		have := view.Cost.Functions[name]
		kept := meter.Usage{WriteUnits: have.WriteUnits, ReadUnits: have.ReadUnits, PutUnits: have.PutUnits}
		later := w.platforms[name].Spending().Used.Take().Total()
		if all := m.Snapshot().Total(); kept.Add(later) != all || kept.ReadUnits < 1 {
			t.Errorf("%s: the report has %+v, later came %+v, its meter has %+v", name, kept, later, all)
		}
		// Only storing the report and reading it back came later.
		if name != "report-replay" && (later.WriteUnits > 2 || later.ReadUnits > 4) {
			t.Errorf("%s: %+v is in no report", name, later)
		}
	}
	if len(view.Cost.Functions) != len(w.meters) {
		t.Errorf("functions %v", view.Cost.Functions)
	}
	if read := view.Cost.Functions["read-segment"]; read.PutUnits < 1 {
		t.Errorf("reading cost %+v", read)
	}
	if apply := view.Cost.Functions["apply-playback"]; apply.WriteUnits < 2 {
		t.Errorf("applying cost %+v", apply)
	}
}
