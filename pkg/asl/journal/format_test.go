package journal_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

var (
	at      = time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	failure = &states.Failure{Error: "E", Cause: "C"}
	raw     = json.RawMessage(`[1]`)
	counts  = &states.Counts{Total: 3, Succeeded: 1, Failed: 1, Pending: 1}
)

// form is an entry as the journal stores it: its key and, after a space, its
// record without white space.
func form(key, record string) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(record)); err != nil {
		panic(err)
	}
	return key + " " + compact.String()
}

// TestStoredForm checks keys and records byte for byte, as existing journals
// have them.
func TestStoredForm(t *testing.T) {
	const countsForm = `{
		"pending":1,
		"running":0,
		"succeeded":1,
		"failed":1,
		"timedOut":0,
		"aborted":0,
		"total":3,
		"resultsWritten":0,
		"failuresNotRedrivable":0,
		"pendingRedrive":0
	}`
	for _, c := range []struct {
		key    string
		record any
		want   string
	}{
		{
			journal.ExecutionKey("m:x"),
			journal.Execution{
				ID:         "m:x",
				Machine:    "m",
				Name:       "x",
				Definition: "d",
				Status:     states.StatusRunning,
				Start:      at,
				Input:      raw,
			},
			form("execution\x00m:x", `{
				"id":"m:x",
				"machine":"m",
				"name":"x",
				"definition":"d",
				"status":"RUNNING",
				"start":"2001-02-03T04:05:06.000000007Z",
				"input":[1]
			}`),
		},
		{
			journal.ExecutionKey("m/l:x"),
			journal.Execution{
				ID:      "m/l:x",
				Status:  states.StatusTimedOut,
				Start:   at,
				Stop:    at,
				Input:   raw,
				Output:  raw,
				Failure: failure,
				Run:     "r",
				State:   "s",
				Index:   2,
				Items:   3,
			},
			form("execution\x00m/l:x", `{
				"id":"m/l:x",
				"machine":"",
				"name":"",
				"definition":"",
				"status":"TIMED_OUT",
				"start":"2001-02-03T04:05:06.000000007Z",
				"stop":"2001-02-03T04:05:06.000000007Z",
				"input":[1],
				"output":[1],
				"failure":{"error":"E","cause":"C"},
				"run":"r",
				"state":"s",
				"index":2,
				"items":3
			}`),
		},
		{
			journal.SequenceKey("m:x"),
			journal.Sequence{Last: 9, Time: at},
			"sequence\x00m:x" + ` {"last":9,"time":"2001-02-03T04:05:06.000000007Z"}`,
		},
		{
			journal.HistoryKey("m:x", 255),
			states.Event{
				Timestamp:       at,
				Type:            "PassStateEntered",
				ID:              255,
				PreviousEventID: 254,
				StateEntered:    &states.EnteredDetails{Name: "P", Input: "1", InputDetails: &states.DataDetails{}},
			},
			form("history\x00m:x\x00000000ff", `{
				"timestamp":"2001-02-03T04:05:06.000000007Z",
				"type":"PassStateEntered",
				"id":255,
				"previousEventId":254,
				"stateEnteredEventDetails":{"name":"P","input":"1","inputDetails":{"truncated":false}}
			}`),
		},
		{
			journal.FrameKey("m:x", ".1"),
			journal.Frame{State: "s", Input: raw, Event: 1},
			"frame\x00m:x\x00.1" + ` {"state":"s","input":[1],"event":1}`,
		},
		{
			journal.FrameKey("m:x", ""),
			journal.Frame{
				Phase:      journal.PhaseBackoff,
				State:      "s",
				Input:      raw,
				Vars:       map[string]json.RawMessage{"v": raw},
				Event:      1,
				Entered:    at,
				Retries:    []int{1, 0},
				RetryCount: 1,
				Until:      at,
				Deadline:   at,
				Heartbeat:  time.Second,
				Token:      "t",
				Run:        "r",
				Output:     raw,
				Failure:    failure,
			},
			form("frame\x00m:x\x00", `{
				"phase":"backoff",
				"state":"s",
				"input":[1],
				"vars":{"v":[1]},
				"event":1,
				"entered":"2001-02-03T04:05:06.000000007Z",
				"retries":[1,0],
				"retryCount":1,
				"until":"2001-02-03T04:05:06.000000007Z",
				"deadline":"2001-02-03T04:05:06.000000007Z",
				"heartbeat":1000000000,
				"token":"t",
				"run":"r",
				"output":[1],
				"failure":{"error":"E","cause":"C"}
			}`),
		},
		{
			journal.AnswerKey("m:x", ".1"),
			journal.Answer{Token: "t", Output: raw, Failure: failure},
			"answer\x00m:x\x00.1" + ` {"token":"t","output":[1],"failure":{"error":"E","cause":"C"}}`,
		},
		{
			journal.RunKey("m/l:r"),
			journal.Run{
				ID:              "m/l:r",
				Execution:       "m:x",
				Machine:         "m",
				Status:          states.StatusFailed,
				Start:           at,
				Stop:            at,
				Limits:          journal.Limits{Concurrency: 1, Percentage: 2.5, Count: 3, HasPercentage: true, HasCount: true},
				Items:           4,
				Executions:      5,
				ItemCounts:      counts,
				ExecutionCounts: counts,
			},
			form("run\x00m/l:r", `{
				"id":"m/l:r",
				"execution":"m:x",
				"machine":"m",
				"status":"FAILED",
				"start":"2001-02-03T04:05:06.000000007Z",
				"stop":"2001-02-03T04:05:06.000000007Z",
				"limits":{"concurrency":1,"percentage":2.5,"count":3,"hasPercentage":true,"hasCount":true},
				"items":4,
				"executions":5,
				"itemCounts":`+countsForm+`,
				"executionCounts":`+countsForm+`
			}`),
		},
		{journal.OpenKey("m:x"), nil, "open\x00m:x null"},
		{journal.NoticeKey("m:x"), nil, "notice\x00m:x null"},
		{journal.DefinitionKey("d"), nil, "definition\x00d null"},
		{journal.ListKey("m", at, "m:x"), nil, "list\x00m\x0032622c4231b40bf9\x00m:x null"},
		{journal.EndedKey(at, "m:x"), nil, "ended\x000d9dd3bdce4bf407\x00m:x null"},
		{journal.RunListKey("m:x", at, "m/l:r"), nil, "runs\x00m:x\x000d9dd3bdce4bf407\x00m/l:r null"},
		{journal.ChildKey("m/l:r", 16), nil, "child\x00m/l:r\x0000000010 null"},
	} {
		op, err := journal.Put(c.key, c.record)
		if err != nil {
			t.Fatal(err)
		}
		if got := op.Key + " " + string(op.Value); got != c.want {
			t.Errorf("stored\n%q\nwant\n%q", got, c.want)
		}
	}
	if id := journal.EndedID(journal.EndedKey(at, "m:x")); id != "m:x" {
		t.Errorf("EndedID gives %q", id)
	}
}

// TestRanges checks that exactly the keys with a prefix lie between the prefix
// and After.
func TestRanges(t *testing.T) {
	for _, c := range []struct {
		prefix, key string
		inside      bool
	}{
		{journal.Runs("m:x"), journal.RunListKey("m:x", at, "m/l:r"), true},
		{journal.Runs("m:x"), journal.RunListKey("m:xx", at, "m/l:r"), false},
		{journal.History("m:x"), journal.HistoryKey("m:x", 25_000), true},
		{journal.History("m:x"), journal.HistoryKey("m:x-1", 1), false},
		{journal.Frames("m:x"), journal.FrameKey("m:x", ""), true},
		{journal.Frames("m:x"), journal.AnswerKey("m:x", ""), false},
		{journal.Children("r"), journal.ChildKey("r", 1<<31), true},
		{journal.Open, journal.OpenKey("zzz"), true},
		{journal.Open, journal.NoticeKey("m:x"), false},
	} {
		if inside := c.prefix <= c.key && c.key < journal.After(c.prefix); inside != c.inside {
			t.Errorf("%q is inside the range of %q: %t", c.key, c.prefix, inside)
		}
	}
}
