package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/past"
	"reprise/pkg/eventlog"
)

// audited reads all pages of an audit.
func (w *apiWorld) audited(values url.Values) (all []past.Audited, pages int) {
	w.t.Helper()
	done := 0
	pages = w.pages(auditRoute, values.Encode(), func(body string) string {
		page := decode[past.Audit](w.t, body)
		if page.Done < done || (page.Next == "") != (page.Done == page.Lanes) {
			w.t.Errorf("done %d after %d of %d lanes, next %q", page.Done, done, page.Lanes, page.Next)
		}
		all, done = append(all, page.Events...), page.Done
		return page.Next
	})
	return all, pages
}

// audits are a world with the events that were sent to it.
type audits struct {
	*apiWorld
	begin, at time.Time
	sent      []sentEvent
}

type sentEvent struct {
	entity, id, kind, actor, correlation string
	at                                   time.Time
}

// send sends some events, after those that were sent before.
func (a *audits) send(random *rand.Rand) {
	var lines []string
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	for range 1 + random.IntN(6) {
		a.at = a.at.Add(time.Duration(random.IntN(100)) * time.Minute)
		s := sentEvent{
			entity:      one("a", "a#1", "a%", "ab", "b", "é"),
			id:          fmt.Sprint(len(a.sent)),
			kind:        one("account.opened", "account.deposited"),
			actor:       one("", "ann", "bob"),
			correlation: one("", "ann", "order-7"),
			at:          a.at,
		}
		a.sent = append(a.sent, s)
		extra := ""
		for name, value := range map[string]string{"actor": s.actor, "correlationid": s.correlation} {
			if value != "" {
				extra += fmt.Sprintf(`,%q:%q`, name, value)
			}
		}
		lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/t","type":%q,"subject":%q,"time":%q%s}`,
			s.id, s.kind, s.entity, s.at.Format(time.RFC3339Nano), extra))
	}
	a.apiWorld.send(lines...)
	a.flow()
}

// filter makes a filter, and returns the ids of what it selects.
func (a *audits) filter(random *rand.Rand) (values url.Values, want []string) {
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	actor, prefix := one("", "ann", "bob"), one("", "a", "a#", "a%", "ab", "é", "z")
	kind := one("", "", "account.opened", "x")
	span := a.at.Sub(a.begin).Milliseconds() + 1
	from := a.begin.Add(time.Duration(random.Int64N(span)) * time.Millisecond)
	if random.IntN(2) == 0 {
		from = a.sent[random.IntN(len(a.sent))].at
	}
	to := from.Add(time.Duration(1+random.Int64N(span)) * time.Millisecond)
	if last := a.sent[random.IntN(len(a.sent))].at; last.After(from) {
		to = last
	}
	values = url.Values{"from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)},
		"limit": {fmt.Sprint(1 + random.IntN(20))}}
	for name, value := range map[string]string{"actor": actor, "prefix": prefix, "type": kind} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if actor == "" {
		values.Set("correlation", "ann")
	}
	for _, s := range a.sent {
		wanted := s.actor == actor && actor != "" || s.correlation == "ann" && actor == ""
		if wanted && strings.HasPrefix(s.entity, prefix) && (kind == "" || s.kind == kind) &&
			!s.at.Before(from) && s.at.Before(to) {
			want = append(want, s.id)
		}
	}
	return values, want
}

// An audit lists exactly the events that its filter selects, whatever the pages, and those
// of an entity in order.
func TestAuditsListWhatTheFilterSelects(t *testing.T) {
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &audits{apiWorld: newAPIWorld(t), begin: begin, at: begin}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random, listed := rand.New(rand.NewPCG(seed, 0)), 0
	for n := 0; n < 60 || listed < 50; n++ {
		a.send(random)
		values, want := a.filter(random)
		found, _ := a.audited(values)
		var got []string
		last := map[string]past.Audited{}
		for _, e := range found {
			got = append(got, e.ID)
			if before, known := last[e.Entity]; known && before.Position >= e.Position {
				t.Fatalf("%s: %s after %s", e.Entity, e.Position, before.Position)
			}
			last[e.Entity] = e
		}
		slices.Sort(got)
		slices.Sort(want)
		if listed += len(want); !slices.Equal(got, want) {
			t.Fatalf("%v: %v, want %v", values, got, want)
		}
	}
}

// What the Events table has and the log has not, the leftover of a crash, is not listed.
func TestAuditsListNothingThatIsNotInTheLog(t *testing.T) {
	w := newAPIWorld(t)
	w.send(strings.Replace(deposits("a", 0, 1)[0], `"data"`, `"actor":"ann","data"`, 1))
	w.commit()
	values := url.Values{"actor": {"ann"}, "from": {"2026-03-01T00:00:00Z"}}
	found, _ := w.audited(values)
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	at := found[0].Position
	left := eventlog.Entry{Entity: "a", Position: at[:len(at)-1] + "1", Logged: found[0].Logged.UnixMilli(),
		Line: []byte(`{"specversion":"1.0","id":"left","source":"/t","type":"x","subject":"a","actor":"ann"}`)}
	must(t, w.api.EventLog.Put(t.Context(), found[0].Lane, "2026-03-01T00", []eventlog.Entry{left}))
	if found, _ = w.audited(values); len(found) != 1 || found[0].Position != at {
		t.Errorf("%+v", found)
	}
}

// A page reads no more than so many buckets, and says that there is more.
func TestAuditsAreBoundedByBuckets(t *testing.T) {
	w := newAPIWorld(t)
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	const hours = 600
	var lines []string
	for i := range hours {
		actor := "bob"
		if i == hours-1 {
			actor = "ann"
		}
		lines = append(lines, fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"s","type":"t","subject":"a","time":%q,"actor":%q}`,
			i, begin.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), actor))
	}
	w.send(lines...)
	w.commit()
	values := url.Values{"actor": {"ann"}, "from": {begin.Format(time.RFC3339)}}
	if found, pages := w.audited(values); len(found) != 1 || pages != 3 {
		t.Errorf("%d events on %d pages", len(found), pages)
	}
	values.Set("from", begin.Add((hours-10)*time.Hour).Format(time.RFC3339))
	if found, pages := w.audited(values); len(found) != 1 || pages != 1 {
		t.Errorf("of the last hours: %d events on %d pages", len(found), pages)
	}
}
