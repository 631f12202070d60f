package scenarios

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

const events, control = "reprise-events", "reprise-control"

// TestTablesRestoredToTheSameSecond restores one of the tables to an earlier time than the
// other, which no rebuild must trust. Then it restores both to the same time, lets the
// pump read the event stream again, and rebuilds the Data Store: nothing is lost, not even
// what came after that time.
func TestTablesRestoredToTheSameSecond(t *testing.T) {
	t.Parallel()
	w, log := deployed.New(t), datasets.Litestream(t)
	all := int64(len(log.Lines))
	half := all / 2
	localtest.Until(w, "/status", func(v api.StatusView) bool { return v.Active != "" }) // it is founded
	older := w.Tables(control)
	w.SendLog(datasets.Log{Lines: log.Lines[:half]})
	w.SettleRows(half)
	saved := w.Tables(events, control)
	w.SendLog(datasets.Log{Lines: log.Lines[half:]})
	before := w.SettleRows(all)

	pump := pumpOf(t, w)
	enable(t, w, pump.UUID, false)
	newest := w.Tables(control)
	restore(w, older)
	wantRefused(t, w, "older-control", "the lane's head is behind what the log has witnessed: restore the control table")
	restore(w, deployed.Contents{events: saved[events], control: newest[control]})
	wantRefused(t, w, "older-log", "events read of the log")

	restore(w, saved)
	if status := statusOf(w); status.Log.Events != half {
		t.Errorf("the restored log has %d events, want %d", status.Log.Events, half)
	}
	wantLost(t, w, "README.md")
	pumpAgain(t, w, pump, all)
	w.SendLog(datasets.Log{Lines: log.Lines[:100]}) // duplicates, so that every consumer has to go on
	got := w.Replay("restored", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || !got.Promoted || !got.Proof.Complete {
		t.Fatalf("rebuild of the restored log: %+v, failure %+v", got, got.Failure)
	}
	rows := w.SettleRows(all)
	log.Judge(t, "restored", rows)
	for entity, row := range rows {
		if old := before[entity]; string(row.State) != string(old.State) || row.Count != old.Count || row.Chain != old.Chain {
			t.Errorf("%s is %+v, before the restore %+v", entity, row, old)
		}
	}
}

// wantRefused checks that a rebuild of tables of two times is not promoted, and why.
func wantRefused(t *testing.T, w *deployed.World, name, why string) {
	t.Helper()
	got := w.Replay(name, `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Failed || got.Promoted || got.Proof == nil || len(got.Proof.Differences) == 0 ||
		got.Proof.Differences[0].What != why {
		t.Errorf("rebuild with an %s table: %+v, failure %+v, proof %+v", name, got, got.Failure, got.Proof)
	}
}

// wantLost checks that readers are told that the Data Store is gone.
func wantLost(t *testing.T, w *deployed.World, entity string) {
	t.Helper()
	response, err := w.HTTP.Get(w.URL + "/entities/" + base64.RawURLEncoding.EncodeToString([]byte(entity)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("generation-lost")) {
		t.Errorf("a read answers %d %s", response.StatusCode, body)
	}
}

// restore replaces tables and deletes the Data Store, while no function can write.
func restore(w *deployed.World, contents deployed.Contents) {
	lift := w.Refuse("dynamodb", "reprise-")
	defer lift()
	w.Restore(contents)
	w.DropGenerations()
}

// pumpAgain lets the pump read the event stream from its beginning, through a mapping of
// a version of its own, and then go on as before.
func pumpAgain(t *testing.T, w *deployed.World, pump types.EventSourceMappingConfiguration, all int64) {
	t.Helper()
	client, name := w.Lambda(), w.Name("pump-events")
	version, err := client.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName:          version.FunctionArn,
		EventSourceArn:        pump.EventSourceArn,
		StartingPosition:      types.EventSourcePositionTrimHorizon,
		BatchSize:             pump.BatchSize,
		ParallelizationFactor: pump.ParallelizationFactor,
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
	})
	if err != nil {
		t.Fatal(err)
	}
	localtest.Until(w, "/status", func(v api.StatusView) bool { return v.Log.Events >= all })
	if _, err := client.DeleteEventSourceMapping(t.Context(),
		&lambda.DeleteEventSourceMappingInput{UUID: again.UUID}); err != nil {
		t.Fatal(err)
	}
	enable(t, w, pump.UUID, true)
}

// pumpOf finds the mapping of the pump.
func pumpOf(t *testing.T, w *deployed.World) types.EventSourceMappingConfiguration {
	t.Helper()
	list, err := w.Lambda().ListEventSourceMappings(t.Context(),
		&lambda.ListEventSourceMappingsInput{FunctionName: aws.String(w.Name("pump-events"))})
	if err != nil || len(list.EventSourceMappings) != 1 {
		t.Fatalf("mappings of the pump: %+v, %v", list, err)
	}
	return list.EventSourceMappings[0]
}

func enable(t *testing.T, w *deployed.World, id *string, enabled bool) {
	t.Helper()
	if _, err := w.Lambda().UpdateEventSourceMapping(t.Context(),
		&lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: &enabled}); err != nil {
		t.Fatal(err)
	}
}

func statusOf(w *deployed.World) api.StatusView {
	return localtest.Until(w, "/status", func(api.StatusView) bool { return true })
}
