package consume_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/consume"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
	"reprise/pkg/meter/spending"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
)

// lines counts the messages of a log that a metric or a reader counts.
type lines struct{ bytes.Buffer }

func (l *lines) log() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// take returns what was logged since its last call.
func (l *lines) take(t *testing.T) map[string]int {
	t.Helper()
	counted := map[string]int{}
	for d := json.NewDecoder(l); d.More(); {
		var line struct{ Msg string }
		must(t, d.Decode(&line))
		counted[line.Msg]++
	}
	return counted
}

func (l *lines) want(t *testing.T, what string, want map[string]int) {
	t.Helper()
	if got := l.take(t); !maps.Equal(got, want) {
		t.Errorf("%s: logged %v, want %v", what, got, want)
	}
}

// keyed gives a record another key and content.
func keyed(r events.KinesisEventRecord, key string, data []byte) events.KinesisEvent {
	r.Kinesis.PartitionKey, r.Kinesis.Data = key, data
	return events.KinesisEvent{Records: []events.KinesisEventRecord{r}}
}

// sendOne accepts one record and returns it.
func sendOne(t *testing.T, p *platform.Platform, line string) events.KinesisEventRecord {
	t.Helper()
	before := map[string]bool{}
	for _, r := range platformtest.Records(t, p.Events).Records {
		before[r.Kinesis.PartitionKey+r.Kinesis.SequenceNumber] = true
	}
	platformtest.Send(t, p, line)
	for _, r := range platformtest.Records(t, p.Events).Records {
		if !before[r.Kinesis.PartitionKey+r.Kinesis.SequenceNumber] {
			return r
		}
	}
	t.Fatal("no record")
	return events.KinesisEventRecord{}
}

// deposits are events of one account, from its opening on.
func deposits(entity string, from, to int) []string {
	var lines []string
	for i := from; i < to; i++ {
		kind, data := "account.deposited", `{"amount":1}`
		if i == 0 {
			kind, data = "account.opened", `{"owner":"Ada"}`
		}
		lines = append(lines, fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"/test","type":%q,"subject":%q,"time":"2026-03-01T%02d:00:00Z","data":%s}`,
			i, kind, entity, i%24, data))
	}
	return lines
}

// found makes the first generation.
func found(t *testing.T, p *platform.Platform) {
	t.Helper()
	_, err := datastore.Registry{Table: p.Table, Now: p.Now}.EnsureFirst(
		t.Context(), p.Generations, platformtest.Lanes, p.Applier.Version(),
	)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func batchOf(records ...events.KinesisEventRecord) events.KinesisEvent {
	return events.KinesisEvent{Records: records}
}

// TestWhatThePumpSetsAsideRaisesItsAlarm counts the lines that metric filters
// match: one for each batch with such a record, and none without.
func TestWhatThePumpSetsAsideRaisesItsAlarm(t *testing.T) {
	p, logged := platformtest.New(t).Platform(), &lines{}
	pump := &consume.Pump{Pump: p.EventPump(), Log: logged.log()}
	var sent []events.KinesisEventRecord
	for _, line := range deposits("a", 0, 5) {
		sent = append(sent, sendOne(t, p, line))
	}
	key := sent[0].Kinesis.PartitionKey
	for _, c := range []struct {
		what  string
		batch events.KinesisEvent
		want  map[string]int
	}{
		{"a good record", batchOf(sent[0]), map[string]int{}},
		{"one that cannot be decoded", keyed(sent[1], key, []byte("?")), map[string]int{"records quarantined": 1}},
		{"another good one", batchOf(sent[3]), map[string]int{}},
		{"one that comes late", batchOf(sent[2]), map[string]int{"records quarantined": 1}},
		{"one of no lane", keyed(sent[4], "nobody", nil), map[string]int{"record of no lane quarantined": 1}},
	} {
		answer, err := pump.Handle(t.Context(), c.batch)
		must(t, err)
		if len(answer.BatchItemFailures) > 0 {
			t.Errorf("%s comes again", c.what)
		}
		logged.want(t, c.what, c.want)
	}
}

// TestWhatIsNotFoldedInRaisesItsAlarm does the same for the live consumer.
func TestWhatIsNotFoldedInRaisesItsAlarm(t *testing.T) {
	p, logged := platformtest.New(t).Platform(), &lines{}
	pump := &consume.Pump{Pump: p.EventPump(), Log: slog.New(slog.DiscardHandler)}
	found(t, p)
	write := &consume.Write{Live: p.Live(), Generation: "g0001", Log: logged.log()}
	good, other := deposits("a", 0, 3), deposits("a", 0, 6)
	conflict := other[1][:len(other[1])-len(`{"amount":1}}`)] + `{"amount":7}}`
	early := deposits("b", 1, 2)[0] // nobody opened b
	aside := map[string]int{"events set aside": 1}
	for _, c := range []struct {
		what, line string
		want       map[string]int
	}{
		{"an opening", good[0], map[string]int{}},
		{"a deposit", good[1], map[string]int{}},
		{"a duplicate", good[1], map[string]int{}},
		{"another content under its id", conflict, aside},
		{"an event that parks", early, aside},
	} {
		batch := batchOf(sendOne(t, p, c.line))
		_, err := pump.Handle(t.Context(), batch)
		must(t, err)
		answer, err := write.Handle(t.Context(), batch)
		must(t, err)
		if len(answer.BatchItemFailures) > 0 {
			t.Errorf("%s comes again", c.what)
		}
		logged.want(t, c.what, c.want)
	}
	// The pump got the second of these records first.
	first, second := sendOne(t, p, other[3]), sendOne(t, p, other[4])
	for _, r := range []events.KinesisEventRecord{second, first} {
		_, err := pump.Handle(t.Context(), batchOf(r))
		must(t, err)
	}
	_, err := write.Handle(t.Context(), batchOf(first, second))
	must(t, err)
	logged.want(t, "a late event", map[string]int{"late events not folded in; the pump quarantines them": 1})
}

// TestWhatPlaybackDropsIsLogged counts the lines of a playback consumer, whose
// usage is charged to the replay.
func TestWhatPlaybackDropsIsLogged(t *testing.T) {
	p, logged := platformtest.New(t).Platform(), &lines{}
	_, _, err := p.Store().Create(t.Context(), "r", replay.Request{})
	must(t, err)
	m := new(meter.Meter)
	apply := &consume.ApplyPlayback{Consumer: p.Consumer(), Log: logged.log(),
		Spending: &spending.Recorder{Store: p.Store(), Used: meter.NewOutstanding(m), Function: "apply-playback"}}
	r := sendOne(t, p, deposits("a", 0, 1)[0])
	key := r.Kinesis.PartitionKey
	lane, err := p.Lanes.ParseKey(key)
	must(t, err)
	playback := func(from, to int64, n int) []byte {
		var all [][]byte
		for _, line := range deposits("a", 0, n) {
			all = append(all, []byte(line))
		}
		data, err := p.Codec.Pack(record.Header{Lane: lane,
			Playback: &record.Playback{Replay: "r", From: from, To: to}}, all)
		must(t, err)
		return data
	}
	for _, c := range []struct {
		what string
		key  string
		data []byte
		want map[string]int
	}{
		{"no lane", "nobody", playback(0, 1, 1), map[string]int{"playback records of no lane dropped": 1}},
		{"a gap", key, playback(5, 6, 1),
			map[string]int{"playback records behind a gap dropped; the lane will be read again": 1}},
		{"damage", key, playback(0, 3, 1),
			map[string]int{"damaged playback records dropped; the lane will be read again": 1}},
		{"another replay's", key, []byte("?"), map[string]int{}},
	} {
		m.Part("control").Add(meter.ReadUnits, 1)
		answer, err := apply.Handle(t.Context(), keyed(r, c.key, c.data))
		must(t, err)
		if len(answer.BatchItemFailures) > 0 {
			t.Errorf("%s: %s", c.what, fmt.Sprint(answer.BatchItemFailures))
		}
		logged.want(t, c.what, c.want)
	}
	// Of four batches, the second and the third contained records of the
	// replay, which also pays for what the first left outstanding.
	row, err := p.Store().Load(t.Context(), "r")
	must(t, err)
	view, err := p.API().Viewer.View(t.Context(), row)
	must(t, err)
	if view.Cost == nil || view.Cost.Functions["apply-playback"].ReadUnits != 3 {
		t.Errorf("the replay is charged with %+v", view.Cost)
	}
}

// noRoom is a log that takes nothing in quarantine.
type noRoom struct{ eventlog.Log }

var errNoRoom = errors.New("no room")

func (noRoom) Quarantine(context.Context, event.Lane, eventlog.Quarantined) error { return errNoRoom }

// TestEveryRetryOfThePumpIsCounted, also of a record that belongs to no lane.
func TestEveryRetryOfThePumpIsCounted(t *testing.T) {
	p, logged := platformtest.New(t).Platform(), &lines{}
	r := sendOne(t, p, deposits("a", 0, 1)[0])
	inner := p.EventPump()
	inner.Log = noRoom{inner.Log}
	pump := &consume.Pump{Pump: inner, Log: logged.log()}
	for what, batch := range map[string]events.KinesisEvent{
		"of no lane":  keyed(r, "nobody", nil),
		"undecodable": keyed(r, r.Kinesis.PartitionKey, []byte("?")),
	} {
		answer, err := pump.Handle(t.Context(), batch)
		must(t, err)
		if len(answer.BatchItemFailures) != 1 {
			t.Errorf("%s: %v", what, answer)
		}
		logged.want(t, what, map[string]int{"records will be retried": 1})
	}
}
