package platform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/projection"
	"reprise/pkg/projection/codecheck"
)

// weighing opens a platform of a build in which an event weighs more or less.
func weighing(t *testing.T, w *platformtest.World, build string, weight int) *platform.Platform {
	t.Helper()
	parts := w.Parts
	parts.Settings.Build = build
	weigh := func(n int, _ *event.Event) (int, error) { return n + weight, nil }
	projections := []projection.Projection{projection.New("scale", 1, []string{"it.happened"}, weigh)}
	p, err := platform.Open(t.Context(), parts, platformtest.Lanes, projections, "events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Codec.Close)
	return p
}

// codeWarnings returns the lines about changed code since the last call.
func codeWarnings(t *testing.T, logged *bytes.Buffer) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(logged.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if strings.HasPrefix(fields["msg"].(string), "the code of the projections") {
			found = append(found, fields)
		}
	}
	logged.Reset()
	return found
}

// TestKeepNoticesChangedCode runs keep-consumers of three deploys.
func TestKeepNoticesChangedCode(t *testing.T) {
	w := platformtest.New(t)
	first := weighing(t, w, "1", 1)
	if err := first.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch := platformtest.Sent(t, first, "it.happened", "it.happened")
	if _, err := first.Pump()(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	got, err := first.Write(datastore.FirstGeneration)(t.Context(), batch)
	if err != nil || len(got.BatchItemFailures) > 0 {
		t.Fatalf("write: %+v, %v", got, err)
	}
	for _, step := range []struct {
		build    string
		weight   int
		warnings int
	}{{"1", 1, 0}, {"2", 1, 0}, {"3", 2, 1}, {"3", 2, 0}, {"4", 1, 0}} {
		if err := weighing(t, w, step.build, step.weight).Keep(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := codeWarnings(t, w.Logged)
		if len(found) != step.warnings {
			t.Errorf("build %s: %v", step.build, found)
		}
		for _, line := range found {
			if line["level"] != "WARN" || line["generation"] != datastore.FirstGeneration || line["differing"] != 1.0 ||
				line["version"] != "scale@1" || !strings.HasPrefix(line["projections"].(string), "scale: 1 in lane ") {
				t.Errorf("logged %v", line)
			}
		}
	}
	report, found, err := codecheck.Load(t.Context(), w.Parts.Table, datastore.FirstGeneration)
	if err != nil || !found || report.Build != "4" || report.Compared != 1 || report.Differing != 0 {
		t.Errorf("%+v, %t, %v", report, found, err)
	}
}

// unreadable is a Data Store whose rows cannot be listed.
type unreadable struct{ datastore.Generations }

func (u unreadable) Open(id string) datastore.Generation {
	return unreadableRows{u.Generations.Open(id)}
}

type unreadableRows struct{ datastore.Generation }

func (unreadableRows) Scan(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errors.New("damaged")
}

func TestACheckThatFailsStopsNothing(t *testing.T) {
	w := platformtest.New(t)
	w.Parts.Generations = unreadable{w.Parts.Generations}
	if err := weighing(t, w, "1", 1).Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := codeWarnings(t, w.Logged); len(found) != 1 || !strings.Contains(found[0]["error"].(string), "damaged") {
		t.Errorf("logged %v", found)
	}
}
