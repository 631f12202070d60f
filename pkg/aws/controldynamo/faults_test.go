package controldynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/control"
	"reprise/pkg/control/controltest"
)

func isRead(operation string) bool {
	return operation == "GetItem" || operation == "BatchGetItem" || operation == "Query"
}

// open opens a table behind faults.
func open(t *testing.T, name string, choose func(string) engines.Fault) (*controldynamo.Table, *engines.Faults) {
	t.Helper()
	faults := &engines.Faults{Choose: choose}
	table := controldynamo.New(engines.DynamoDB(t, faults), controldynamo.Options{
		Table:  name,
		Pace:   engines.Pace(),
		Random: rand.Reader,
	})
	return table, faults
}

// TestConformanceUnderFaults lets reads fail in every way. Writes fail only in
// those ways after which the caller knows that nothing happened: after a lost
// answer the contract promises less than the suite expects.
func TestConformanceUnderFaults(t *testing.T) {
	name := engines.Table(t)
	reads := engines.Random(1, 0.1, engines.All(), isRead)
	writes := engines.Random(2, 0.1, engines.Definite(), nil)
	controltest.Run(t, func(t *testing.T) control.Table {
		table, _ := open(t, name, func(operation string) engines.Fault {
			if isRead(operation) {
				return reads(operation)
			}
			return writes(operation)
		})
		return table
	}, controltest.Features{ModelRuns: engines.ModelRuns})
}

// once lets the first request of an operation fail.
func once(operation string, fault engines.Fault) func(string) engines.Fault {
	var done atomic.Bool
	return func(o string) engines.Fault {
		if o == operation && done.CompareAndSwap(false, true) {
			return fault
		}
		return engines.None
	}
}

var lost = map[string]engines.Fault{"fail": engines.FailAfter, "reset": engines.ResetAfter,
	"timeout": engines.TimeoutAfter, "twice": engines.Twice}

// TestLostAnswer loses the answer to a write that took effect. The repetition
// finds its own version and must not report a conflict with itself.
func TestLostAnswer(t *testing.T) {
	name := engines.Table(t)
	for what, fault := range lost {
		t.Run(what, func(t *testing.T) {
			key := control.Key{Partition: what, Sort: "document"}
			table, faults := open(t, name, once("PutItem", fault))
			version, err := table.Put(t.Context(), key, []byte("body"), "")
			if err != nil {
				t.Fatal(err)
			}
			if n := faults.Count("PutItem"); fault != engines.Twice && n != 2 {
				t.Fatalf("%d requests", n)
			}
			doc, err := table.Get(t.Context(), key)
			if err != nil || doc.Version != version || string(doc.Body) != "body" {
				t.Fatalf("have %+v, %v; want version %q", doc, err, version)
			}
			other, _ := open(t, name, once("PutItem", fault))
			errs, err := other.PutAll(t.Context(), []control.Write{{Key: key, Body: []byte("next"), Previous: version}})
			if err != nil || errs[0] != nil {
				t.Fatalf("put all: %v, %v", errs, err)
			}
		})
	}
}

// TestUnsure lets another writer write between a write whose answer was lost
// and its repetition. Nobody can then tell whether the write happened. So no
// conflict may be reported, because a conflict would say that it did not.
func TestUnsure(t *testing.T) {
	name := engines.Table(t)
	other := plain(t, name)
	key := control.Key{Partition: "p", Sort: "s"}
	var attempt atomic.Int32
	table, _ := open(t, name, func(operation string) engines.Fault {
		if operation != "PutItem" {
			return engines.None
		}
		if attempt.Add(1) == 1 {
			return engines.FailAfter
		}
		doc, err := other.Get(t.Context(), key)
		if err == nil && string(doc.Body) == "mine" {
			_, err = other.Put(t.Context(), key, []byte("theirs"), doc.Version)
		}
		if err != nil {
			t.Error(err)
		}
		return engines.None
	})
	_, err := table.Put(t.Context(), key, []byte("mine"), "")
	if !errors.Is(err, dynamostore.ErrUnsure) || errors.Is(err, control.ErrConflict) {
		t.Fatalf("have %v", err)
	}
	doc, err := other.Get(t.Context(), key)
	if err != nil || string(doc.Body) != "theirs" {
		t.Fatalf("have %+v, %v", doc, err)
	}
	deleter, _ := open(t, name, once("DeleteItem", engines.ResetAfter))
	if err := deleter.Delete(t.Context(), key, doc.Version); !errors.Is(err, dynamostore.ErrUnsure) {
		t.Fatalf("delete: %v", err)
	}
	if err := deleter.Delete(t.Context(), key, doc.Version); !errors.Is(err, control.ErrNotFound) {
		t.Fatalf("delete again: %v", err)
	}
}

// TestNoUpdateTwice counts under every kind of fault: an update that succeeded
// is counted once, one that failed at most once.
func TestNoUpdateTwice(t *testing.T) {
	kinds := append(engines.All(), engines.Twice)
	table, _ := open(t, engines.Table(t), engines.Random(3, 0.3, kinds, nil))
	key := control.Key{Partition: "p", Sort: "counter"}
	sure, failed := 0, 0
	for range 150 {
		_, err := control.Update(t.Context(), table, key, func(n *int, _ bool) error { *n++; return nil })
		if err == nil {
			sure++
		} else {
			failed++
		}
	}
	var doc control.Document
	var err error
	for range 50 {
		if doc, err = table.Get(t.Context(), key); err == nil {
			break
		}
	}
	n, convert := strconv.Atoi(string(doc.Body))
	if err = errors.Join(err, convert); err != nil || n < sure || n > sure+failed {
		t.Fatalf("counted %d, %v: %d updates succeeded and %d failed", n, err, sure, failed)
	}
	if failed > sure/4 {
		t.Fatalf("%d updates failed, %d succeeded", failed, sure)
	}
}

// TestRetriesEnd throttles for ever.
func TestRetriesEnd(t *testing.T) {
	table, faults := open(t, engines.Table(t), func(string) engines.Fault { return engines.Throttle })
	key := control.Key{Partition: "p", Sort: "s"}
	_, err := table.Put(t.Context(), key, nil, "")
	if !awsclient.IsThrottle(err) || errors.Is(err, control.ErrConflict) {
		t.Fatalf("have %v", err)
	}
	if n := faults.Count("PutItem"); n != engines.Pace().Attempts {
		t.Fatalf("%d attempts", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	endless, _ := open(t, "none", func(string) engines.Fault { cancel(); return engines.Throttle })
	if _, err := endless.Put(ctx, key, nil, ""); !errors.Is(err, context.Canceled) {
		t.Fatalf("have %v", err)
	}
}

// TestUnprocessed leaves half of every batch undone, down to the last key.
func TestUnprocessed(t *testing.T) {
	var keys []control.Key
	var writes []control.Write
	for i := range 230 {
		key := control.Key{Partition: "p", Sort: strconv.Itoa(i)}
		keys = append(keys, key)
		writes = append(writes, control.Write{Key: key, Body: []byte(strings.Repeat("x", i))})
	}
	name := tableOf(t, writes)
	// A batch of one is never done, so the retries must end.
	endless, _ := open(t, name, func(string) engines.Fault { return engines.Partial })
	if _, err := endless.GetAll(t.Context(), keys); !errors.Is(err, dynamostore.ErrUnprocessed) {
		t.Fatalf("have %v", err)
	}
	var n atomic.Int32
	table, faults := open(t, name, func(operation string) engines.Fault {
		if operation == "BatchGetItem" && n.Add(1)%2 == 1 {
			return engines.Partial
		}
		return engines.None
	})
	docs, err := table.GetAll(t.Context(), append(keys, keys[0]))
	if err != nil || len(docs) != len(keys) {
		t.Fatalf("have %d documents, %v", len(docs), err)
	}
	if faults.Count("BatchGetItem") < 4 {
		t.Fatalf("%d batches", faults.Count("BatchGetItem"))
	}
}

func tableOf(t *testing.T, writes []control.Write) string {
	t.Helper()
	name := engines.Table(t)
	if _, err := plain(t, name).PutAll(t.Context(), writes); err != nil {
		t.Fatal(err)
	}
	return name
}
