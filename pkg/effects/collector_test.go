package effects_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"reprise/pkg/effects"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// mailing sends a mail for each event whose id is among some.
func mailing(version int, name string, ids ...string) *effectstest.Service {
	return &effectstest.Service{Code: version, On: []string{"added"},
		May: []gateway.Call{{System: "mail", Name: name, Kind: gateway.Updating}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			if !slices.Contains(ids, r.Event.ID) {
				return nil
			}
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: name, Body: r.After})
			return err
		}}
}

// asking asks for a rate at each event, and sends it.
func asking(version int, call gateway.Call) *effectstest.Service {
	return &effectstest.Service{Code: version, On: []string{"added"},
		May: []gateway.Call{call, {System: "mail", Name: "rate", Kind: gateway.Updating}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			rate, err := outside.Query(ctx, gateway.Query{System: call.System, Name: call.Name})
			if err != nil {
				return err
			}
			_, err = outside.Update(ctx, gateway.Effect{System: "mail", Name: "rate", Body: rate})
			return err
		}}
}

// compare lets the present service collect for the whole log, as a rebuild into an empty
// generation does, in two batches.
func (w *witness) compare(replay string) (map[effects.Class]int64, []effects.Entry, error) {
	w.t.Helper()
	reactor, err := effects.NewReactor(w.reactor())
	if err != nil {
		w.t.Fatal(err)
	}
	p, lane := w.Platform(), w.Parts.Lanes.Of("x")
	generation := "g" + replay
	if err := p.Generations.Create(w.t.Context(), generation); err != nil {
		w.t.Fatal(err)
	}
	to := projection.Target{ID: generation, Generation: p.Generations.Open(generation), Lane: lane, Replay: replay}
	events := w.log(lane)
	collector := &effects.Collector{Reactor: reactor}
	half := len(events) / 2
	for _, part := range []struct{ from, to int }{{0, half}, {0, half}, {half, len(events)}, {half, len(events)}} {
		if err := collector.Collect(w.t.Context(), replay, to, int64(part.from), events[part.from:part.to]); err != nil {
			return nil, nil, err
		}
		// A batch that is consumed again meets rows that are written already.
		if _, err := p.Applier.Apply(w.t.Context(), to, events[part.from:part.to]); err != nil {
			w.t.Fatal(err)
		}
	}
	counts, err := reactor.Ledger.Counts(w.t.Context(), replay)
	if err != nil {
		w.t.Fatal(err)
	}
	entries, _, err := reactor.Ledger.Entries(w.t.Context(), replay, lane, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return counts, entries, nil
}

func (w *witness) log(lane event.Lane) (events []projection.Placed) {
	w.t.Helper()
	head, err := w.View().Heads.Load(w.t.Context(), lane)
	if err != nil {
		w.t.Fatal(err)
	}
	var buckets []eventlog.Bucket
	for _, closed := range head.Closed {
		buckets = append(buckets, closed.Bucket)
	}
	err = w.View().History(w.t.Context(), lane, "x", append(buckets, head.Bucket), "", head.Position,
		func(b eventlog.Bucket, e *eventlog.Entry) error {
			placed, err := projection.PlacedOf(b, e)
			events = append(events, placed)
			return err
		})
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

func (w *witness) wantCounts(replay string, want map[effects.Class]int64) []effects.Entry {
	w.t.Helper()
	counts, entries, err := w.compare(replay)
	if err != nil || !maps.Equal(counts, want) {
		w.t.Errorf("%s: %v, want %v, %v: %+v", replay, counts, want, err, entries)
	}
	return entries
}

type counts = map[effects.Class]int64

// TestACallIsSilentForEventsOfBeforeItExisted, as the effects log knows, and no longer for
// later ones.
func TestACallIsSilentForEventsOfBeforeItExisted(t *testing.T) {
	w := newWitness(t)
	mail := &effectstest.System{}
	w.Parts.Systems = gateway.Systems{"mail": mail}
	w.Parts.Service = mailing(1, "first", "a", "b")
	w.add("a", "b", "c")
	w.Parts.Service = mailing(2, "second", "a", "b", "c")
	w.wantCounts("before", counts{effects.Silent: 3, effects.Missing: 2})
	w.add("d") // the second call exists for d and later
	w.Parts.Service = mailing(3, "second", "a", "d")
	entries := w.wantCounts("after", counts{effects.Silent: 1, effects.Surplus: 1, effects.Missing: 2})
	for _, e := range entries {
		if (e.Class == effects.Surplus) != (e.EventID == "d") {
			t.Errorf("%+v", e)
		}
	}
	if len(mail.Received()) != 2 {
		t.Errorf("a comparison has sent: %v", mail.Received())
	}
}

func TestChangedCallsAreFoundWhateverTheirFormat(t *testing.T) {
	w := newWitness(t)
	w.Parts.Systems = gateway.Systems{"mail": &effectstest.System{}}
	body := `{"b": 1, "a": [1,2]}`
	sending := func(version int) *effectstest.Service {
		s := mailing(version, "m")
		s.Do = func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			sent := body
			if version == 3 && r.Event.ID == "b" {
				sent = `{"a":[2,1],"b":1}`
			}
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "m", Body: []byte(sent)})
			return err
		}
		return s
	}
	w.Parts.Service = sending(1)
	w.add("a", "b")
	body = `{"a":[1,2],"b":1}`
	w.Parts.Service = sending(2)
	w.wantCounts("same", counts{effects.Same: 2})
	w.Parts.Service = sending(3)
	entries := w.wantCounts("changed", counts{effects.Same: 1, effects.Changed: 1})
	if len(entries) != 1 || entries[0].EventID != "b" || len(entries[0].Sent) == 0 || len(entries[0].Answer) == 0 {
		t.Errorf("%+v", entries)
	}
}

// TestQueriesOfAReplay: the recorded answer is served; without one a replay fails closed,
// but for a call that can be asked about the past, or one that is new and has a default.
func TestQueriesOfAReplay(t *testing.T) {
	rate := gateway.Call{System: "rates", Name: "rate", Kind: gateway.Asking}
	newer := gateway.Call{System: "rates", Name: "newer", Kind: gateway.Asking}
	asOf, withDefault := newer, newer
	asOf.AsOf = true
	withDefault.Default = []byte("7")
	for name, c := range map[string]struct {
		call   gateway.Call
		asked  int
		want   counts
		wanted string
	}{
		"recorded":     {rate, 0, counts{effects.Same: 3}, ""},
		"not recorded": {newer, 0, counts{effects.Unanswered: 1, effects.Undecided: 1}, ""},
		"as of":        {asOf, 3, counts{effects.Changed: 3}, "5"},
		"default":      {withDefault, 0, counts{effects.Changed: 3}, "7"},
	} {
		w := newWitness(t)
		mail, answer := &effectstest.System{}, "1"
		rates := &effectstest.System{Answer: func(*gateway.Request) ([]byte, error) { return []byte(answer), nil }}
		w.Parts.Systems = gateway.Systems{"mail": mail, "rates": rates}
		w.Parts.Service = asking(1, rate)
		w.add("a", "b", "c")
		before := len(rates.Received())
		w.Parts.Service, answer = asking(2, c.call), "5"
		entries := w.wantCounts("r", c.want)
		asked := rates.Received()[before:]
		if len(asked) != c.asked || len(mail.Received()) != 3 {
			t.Errorf("%s: %d queries more and %d mails", name, len(asked), len(mail.Received()))
		}
		for _, r := range asked {
			if time.Since(r.At) > 24*time.Hour || r.At.IsZero() {
				t.Errorf("%s: asked as of %s", name, r.At)
			}
		}
		for _, e := range entries {
			if c.wanted != "" && string(e.Wanted) != c.wanted {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

// TestWhatIsNotKnownIsSaid: entities parked in the rebuilt generation, calls without an
// answer yet, and events that the live path has not reached.
func TestWhatIsNotKnownIsSaid(t *testing.T) {
	w := newWitness(t)
	var down error
	mail := &effectstest.System{Answer: func(*gateway.Request) ([]byte, error) { return []byte("1"), down }}
	w.Parts.Systems = gateway.Systems{"mail": mail}
	w.Parts.Service = mailing(1, "m", "a", "b", "c", "d")
	w.add("a", "b")
	down = errors.New("down")
	w.add("c", "d") // c waits
	w.wantCounts("waits", counts{effects.Same: 2, effects.Ahead: 2})

	set, err := projection.NewSet(projection.New("sums", 2, []string{"added"}, func(sum int, e *event.Event) (int, error) {
		if e.ID == "b" {
			return sum, errors.New("no b")
		}
		return sum + 1, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	w.Parts.Applier = projection.NewApplier(set, w.View())
	entries := w.wantCounts("parked", counts{effects.Same: 1, effects.Undecided: 1})
	if len(entries) != 1 || entries[0].EventID != "b" {
		t.Errorf("%+v", entries)
	}
}

// TestOneVersionCollects: what a replay compares is that of one version of the service.
func TestOneVersionCollects(t *testing.T) {
	w := newWitness(t)
	w.Parts.Systems = gateway.Systems{"mail": &effectstest.System{}}
	w.Parts.Service = mailing(1, "m", "a")
	w.add("a")
	w.wantCounts("r", counts{effects.Same: 1})
	w.Parts.Service = mailing(2, "m", "a")
	if _, _, err := w.compare("r"); !errors.Is(err, replay.ErrOtherService) {
		t.Errorf("another version: %v", err)
	}
}

func ExampleRecord_Same() {
	sent := effects.Record{Body: json.RawMessage(`{"to":"ann","amount":5}`)}
	fmt.Println(sent.Same([]byte(`{ "amount": 5, "to": "ann" }`)), sent.Same([]byte(`{"amount":6,"to":"ann"}`)))
	// Output: true false
}
