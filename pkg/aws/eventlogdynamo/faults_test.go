package eventlogdynamo_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/aws/eventlogdynamo"
	"reprise/pkg/eventlog"
	"reprise/pkg/eventlog/eventlogtest"
)

// TestConformanceUnderFaults lets requests fail in every way. An entry is
// recognized by its content, so the log keeps its whole contract even after
// lost answers and requests that arrive twice. The requests that the service
// received show that the log is append-only.
func TestConformanceUnderFaults(t *testing.T) {
	table := engines.Table(t)
	kinds := append(engines.All(), engines.Twice)
	faults := &engines.Faults{Choose: engines.Random(4, 0.1, kinds, nil)}
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log {
		return open(t, table, faults)
	}, eventlogtest.Features{ModelRuns: 3})
	for _, operation := range []string{
		"UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", "ExecuteStatement",
	} {
		if n := faults.Count(operation); n > 0 {
			t.Errorf("the log made %d %s requests", n, operation)
		}
	}
	if faults.Count("PutItem") == 0 {
		t.Error("nothing was counted")
	}
}

// TestThrottled expects the contract's error if a throttle lasts.
func TestThrottled(t *testing.T) {
	faults := &engines.Faults{Choose: func(string) engines.Fault { return engines.Throttle }}
	log := open(t, "any", faults)
	e := golden(1)
	_, read := log.Read(t.Context(), 1, "2026-03-01T00", "", eventlog.PageLimit{Entries: 1}, true)
	_, has := log.Has(t.Context(), 1, "2026-03-01T00", e.Entity, e.Position)
	_, list := log.ListQuarantine(t.Context(), 1, "", 1)
	for what, err := range map[string]error{
		"put": log.Put(t.Context(), 1, "2026-03-01T00", []eventlog.Entry{e}), "read": read, "has": has, "list": list,
		"quarantine": log.Quarantine(t.Context(), 1, eventlog.Quarantined{Position: e.Position}),
	} {
		if !errors.Is(err, eventlog.ErrThrottled) {
			t.Errorf("%s: have %v", what, err)
		}
	}
}

// TestPutStops expects a large batch to be given up soon after its first
// failure.
func TestPutStops(t *testing.T) {
	var puts atomic.Int32
	faults := &engines.Faults{Choose: func(string) engines.Fault { puts.Add(1); return engines.Throttle }}
	pace := engines.Pace()
	pace.Attempts = 1
	log := eventlogdynamo.New(engines.DynamoDB(t, faults), engines.Codec(t), eventlogdynamo.Options{
		Table:    "any",
		Pace:     pace,
		Parallel: 4,
	})
	entries := make([]eventlog.Entry, 1000)
	for i := range entries {
		entries[i] = golden(i)
	}
	if err := log.Put(t.Context(), 1, "2026-03-01T00", entries); !errors.Is(err, eventlog.ErrThrottled) {
		t.Fatalf("have %v", err)
	}
	if n := puts.Load(); n > 100 {
		t.Fatalf("made %d requests", n)
	}
}

// TestQuarantineKeepsFirst quarantines two large records at one position at the
// same time: one of them is kept whole.
func TestQuarantineKeepsFirst(t *testing.T) {
	table := engines.Table(t)
	faults := &engines.Faults{Choose: engines.Random(5, 0.2, engines.All(), nil)}
	log := open(t, table, faults)
	results := make(chan error)
	for i := range 2 {
		q := eventlog.Quarantined{Position: golden(1).Position, Reason: "late", Data: noise(uint64(i), 1<<20)}
		go func() { results <- log.Quarantine(t.Context(), 7, q) }()
	}
	if err := errors.Join(<-results, <-results); err != nil {
		t.Fatal(err)
	}
	listed, err := log.ListQuarantine(t.Context(), 7, "", 10)
	if err != nil || len(listed) != 1 {
		t.Fatalf("have %d records, %v", len(listed), err)
	}
	kept := string(listed[0].Data)
	if kept != string(noise(0, 1<<20)) && kept != string(noise(1, 1<<20)) {
		t.Fatalf("kept %d bytes of neither", len(kept))
	}
}

// TestDamaged reads items that no log has written.
func TestDamaged(t *testing.T) {
	table := engines.Table(t)
	log := open(t, table, nil)
	sound := golden(1)
	if err := log.Put(t.Context(), 1, "2026-03-01T00", []eventlog.Entry{sound}); err != nil {
		t.Fatal(err)
	}
	store := dynamostore.Table{Name: table, Pace: engines.Pace()}
	for i, item := range []dynamostore.Item{
		{"b": dynamostore.Text("line")},
		{"t": dynamostore.Text("1")},
	} {
		bucket := eventlog.Bucket(fmt.Sprintf("2026-03-0%dT00", i+2))
		item["pk"], item["sk"] = dynamostore.Text("0001#"+string(bucket)), dynamostore.Text(sound.SortKey())
		if _, err := store.PutIf(t.Context(), engines.DynamoDB(t, nil), item, dynamostore.New()); err != nil {
			t.Fatal(err)
		}
		if page, err := log.Read(t.Context(), 1, bucket, "", eventlog.PageLimit{Entries: 1}, true); err == nil {
			t.Fatalf("read %+v", page)
		}
	}
}
