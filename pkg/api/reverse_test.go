package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api/reversals"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection/refold"
)

// booked is an event of an account.
func booked(entity, id, kind, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"bank","type":"account.%s","subject":%q,`+
		`"time":"2026-03-01T00:00:00Z","correlationid":"c-1","data":%s}`, id, kind, entity, data)
}

// account has events 1 to n: opened, and deposits of 10, 20, 40 …
func account(entity string, n int) []string {
	lines := []string{booked(entity, "1", "opened", `{"owner":"Ada"}`)}
	for i := 2; i <= n; i++ {
		lines = append(lines, booked(entity, fmt.Sprint(i), "deposited", fmt.Sprintf(`{"amount":%d}`, 5<<(i-1))))
	}
	return lines
}

func (w *apiWorld) reverse(entity, body string) response {
	w.t.Helper()
	return w.call("POST /entities/{id}/reverse", web.EncodeEntity(entity), nil, body)
}

// named is a request to reverse the event of the bank with an id.
func named(id, more string) string {
	return fmt.Sprintf(`{"source":"bank","id":%q,"reason":"a test","who":"ann"%s}`, id, more)
}

func (w *apiWorld) reversed(entity, body string, status int) reversals.Reversing {
	w.t.Helper()
	got := w.reverse(entity, body)
	if got.StatusCode != status {
		w.t.Fatalf("%s: %d %s", body, got.StatusCode, got.Body)
	}
	return decode[reversals.Reversing](w.t, got.Body)
}

// rebuilt is the row that a fold from the first event on gives.
func (w *apiWorld) rebuilt(entity string) datastore.Row {
	w.t.Helper()
	ctx, a, lane := w.t.Context(), w.api, w.api.Lanes.Of(entity)
	head, err := a.Heads.Load(ctx, lane)
	must(w.t, err)
	buckets, err := a.Buckets(ctx, lane, entity, head)
	must(w.t, err)
	read, err := refold.Read(ctx, eventlog.View{Log: a.EventLog, Heads: a.Heads}, &refold.Part{Lane: lane,
		Entity: entity, Buckets: buckets, UpTo: head.Position, MaxBytes: 1 << 20})
	must(w.t, err)
	fold := refold.Begin(a.Past.Applier.Apart(), lane)
	for i := range read.Events {
		must(w.t, fold.Take(ctx, read.Events[i:i+1]))
	}
	return *fold.Row()
}

func (w *apiWorld) agrees(entity, state string) {
	w.t.Helper()
	live, again := w.entity(entity), w.rebuilt(entity)
	if !strings.Contains(string(live.State), state) {
		w.t.Errorf("live state %s, want %s", live.State, state)
	}
	if string(live.State) != string(again.State) || live.Chain != again.Chain || live.Count != again.Count ||
		live.Skipped != again.Skipped || live.Corrections != again.Corrections {
		w.t.Errorf("live %+v, rebuilt %+v", live, again)
	}
}

func TestADepositIsReversedByItsInverse(t *testing.T) {
	w := newAPIWorld(t)
	w.send(account("a", 4)...)
	w.flow()
	dry := w.reversed("a", named("3", `,"dryRun":true`), http.StatusOK)
	if !dry.DryRun || dry.Position != "" || dry.Form != reversals.ByInverse || dry.Inverse.Type != "account.withdrawn" ||
		!dry.SameAsWithout || dry.Changed != 1 || dry.Changes[0].Old != "70" || dry.Changes[0].New != "50" ||
		string(dry.Before.State) != string(w.entity("a").State) || dry.Type != "account.deposited.reversed" {
		t.Errorf("%+v", dry)
	}
	if w.flow(); len(w.history("a")) != 4 {
		t.Fatal("a dry run has appended an event")
	}
	made := w.reversed("a", named("3", ""), http.StatusAccepted)
	w.flow()
	if a := w.entity("a"); string(a.State) != string(made.After.State) || a.Count != 5 || a.Position != made.Position {
		t.Errorf("%+v, expected %+v", a, made.After)
	}
	w.agrees("a", `"balance":50`)
	var line struct {
		Type, CausationID, CorrelationID, Actor string
		Data                                    event.Reversal
	}
	must(t, json.Unmarshal(w.history("a")[4].Event, &line))
	if line.Type != made.Type || line.CausationID != "3" || line.CorrelationID != "c-1" || line.Actor != "ann" ||
		line.Data.Source != "bank" || line.Data.ID != "3" || line.Data.Reason != "a test" || line.Data.Who != "ann" ||
		line.Data.Position != w.history("a")[2].Position {
		t.Errorf("%+v", line)
	}
	w.refused("once more", w.reverse("a", named("3", "")), http.StatusConflict, "already-reversed")
}

// What the projection declares nothing for is reversed by folding without it, and brought
// back by reversing that.
func TestAnEventWithoutAnInverseIsLeftOut(t *testing.T) {
	w := newAPIWorld(t)
	change := func(id, lines string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"bank","type":"file.changed","subject":"f",`+
			`"time":"2026-03-01T00:00:00Z","data":{"added":%s,"deleted":0,"lines":%s}}`, id, lines, lines)
	}
	w.send(change("1", "1"), change("2", "10"), change("3", "100"))
	w.flow()
	made := w.reversed("f", named("2", ""), http.StatusAccepted)
	if made.Form != reversals.Without || made.Inverse != nil || made.Before.Count != 3 || made.After.Count != 2 {
		t.Errorf("%+v", made)
	}
	w.send(change("4", "1000"))
	w.flow()
	w.agrees("f", `"lines":1101,"changes":3`)
	back := w.reversed("f", fmt.Sprintf(`{"event":%q,"reason":"it was right"}`, made.Position), http.StatusAccepted)
	w.flow()
	w.agrees("f", `"lines":1111,"changes":4`)
	if back.Type != "file.changed.reversed.reversed" {
		t.Error(back.Type)
	}
	got := w.reverse("f", named("2", ""))
	w.refused("reversed and brought back", got, http.StatusConflict, "already-reversed")
	if !strings.Contains(got.Body, string(back.Position)) {
		t.Errorf("it does not say which one to reverse: %s", got.Body)
	}
	w.reversed("f", fmt.Sprintf(`{"event":%q,"reason":"it was not"}`, back.Position), http.StatusAccepted)
	w.flow()
	w.agrees("f", `"lines":1101,"changes":3`)
}

// An account.balance.set that carries what undoes it is reversed by that.
func TestAnEventMayCarryItsInverse(t *testing.T) {
	w := newAPIWorld(t)
	w.send(append(account("a", 2), booked("a", "3", "balance.set",
		`{"balance":7,"undo":{"type":"account.balance.set","data":{"balance":10}}}`),
		booked("a", "4", "balance.set", `{"balance":9}`),
		booked("a", "5", "balance.set", `{"balance":8,"undo":{"type":5}}`))...)
	w.flow()
	if plain := w.reversed("a", named("4", `,"dryRun":true`), http.StatusOK); plain.Form != reversals.Without {
		t.Errorf("%+v", plain)
	}
	w.refused("what is carried is wrong", w.reverse("a", named("5", "")), http.StatusConflict, "reversal-refused")
	made := w.reversed("a", named("3", ""), http.StatusAccepted)
	if made.Form != reversals.ByInverse || made.SameAsWithout {
		t.Errorf("%+v", made)
	}
	w.flow()
	w.agrees("a", `"balance":10`)
}

// An event that overtakes a reversal on the way to the log may make it fail there: it parks
// its own entity, by name, and there is a way out.
func TestAReversalThatWasOvertakenParksItsOwnEntityOnly(t *testing.T) {
	w := newAPIWorld(t)
	w.send(append(account("a", 2), append(account("b", 2), account("c", 1)...)...)...)
	w.flow()
	w.send(booked("a", "3", "withdrawn", `{"amount":10}`), booked("c", "3", "deposited", `{"amount":5}`))
	spent := w.reversed("a", named("2", ""), http.StatusAccepted)
	opened := w.reversed("c", named("1", ""), http.StatusAccepted)
	w.send(booked("a", "4", "deposited", `{"amount":1}`), booked("b", "3", "deposited", `{"amount":1}`))
	w.flow()
	w.agrees("b", `"balance":11`)
	a := w.entity("a")
	if a.Parked == nil || a.Parked.Position != spent.Position || a.Parked.Type != "account.deposited.reversed" ||
		a.Parked.Waiting != 1 {
		t.Errorf("%+v, %+v", a, a.Parked)
	}
	w.skip("a", spent.Position)
	c := w.entity("c")
	if c.Parked == nil || c.Parked.Position != w.history("c")[1].Position || c.Parked.Type != "account.deposited" {
		t.Errorf("%+v, %+v", c, c.Parked)
	}
	back := fmt.Sprintf(`{"event":%q,"reason":"it was overtaken"}`, opened.Position)
	w.reversed("c", back, http.StatusAccepted)
	w.flow()
	w.agrees("a", `"balance":1`)
	w.agrees("c", `"balance":5`)
	w.refused("what was stepped over", w.reverse("a", fmt.Sprintf(`{"event":%q,"reason":"r"}`, spent.Position)), 409,
		"event-not-applied")
}

// Two people at once append two reversals, of which one is a duplicate.
func TestReversedByTwoPeopleAtOnce(t *testing.T) {
	w := newAPIWorld(t)
	w.send(account("a", 3)...)
	w.flow()
	for range 2 {
		w.reversed("a", named("2", ""), http.StatusAccepted)
	}
	w.flow()
	if a := w.entity("a"); a.Duplicates != 1 || a.Count != 4 {
		t.Errorf("%+v", a)
	}
	w.agrees("a", `"balance":20`)
}
