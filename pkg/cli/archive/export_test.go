package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/extract"
	"reprise/pkg/archive"
	"reprise/pkg/event"
	"reprise/pkg/replay/request"
)

// What goes through an export and an import is the same log: the same events of each
// entity, in the same order, logged at the same times, with the same states; and its own
// export has the same content.
func TestALogSurvivesExportAndImport(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 8
	a := platform(t, lanes)
	sent := sendRandom(t, a, lanes, r, 250)
	want := logOf(t, a, lanes)
	// One lane gets the events of eight, and sixteen those of one.
	for _, others := range []int{lanes, 1, 16} {
		t.Run(fmt.Sprint(others), func(t *testing.T) {
			b := platform(t, others)
			from, to := &shell{t: t, endpoint: a.URL}, &shell{t: t, endpoint: b.URL}
			out := filepath.Join(t.TempDir(), "log.jsonl.zst")
			made := fine[exported](from, "export", "--out", out)
			read, _ := historyOf(t, out)
			same(t, "the export", read, want)
			got := fine[imported](to, "import", out)
			if made.Events != sent || got.Events != sent || got.Accepted != sent || got.Arrived != sent || got.Known ||
				got.Moved != 0 {
				t.Errorf("%d events: %+v, %+v", sent, made, got)
			}
			same(t, "the import", logOf(t, b, others), want)
			sameStates(t, "the import", b.Rows("", others), a.Rows("", lanes))
			again := fine[exported](to, "export", "--out", filepath.Join(t.TempDir(), "again")+"/")
			if again.Content != made.Content || again.Bytes != made.Bytes {
				t.Errorf("exported %+v, and again %+v", made, again)
			}
			if left, _ := filepath.Glob(filepath.Dir(out) + "/*"); len(left) != 1 {
				t.Errorf("left over: %v", left)
			}
			twice := fine[imported](to, "import", out)
			if !twice.Known || twice.Arrived != sent {
				t.Errorf("imported twice: %+v", twice)
			}
			for id, row := range b.Rows("", others) {
				if row.Count != a.Rows("", lanes)[id].Count {
					t.Errorf("imported twice: %q is %+v", id, row)
				}
			}
		})
	}
}

// Whatever is selected is exported, and nothing else.
func TestASelectionIsExported(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 4
	a := platform(t, lanes)
	sendRandom(t, a, lanes, r, 250)
	all := logOf(t, a, lanes)
	at := func(hours int) *time.Time { t := beginning.Add(time.Duration(hours) * time.Hour); return &t }
	for _, chosen := range []request.Request{
		{To: at(70)}, {From: at(70)}, {From: at(40), To: at(90)}, {To: at(-1)},
		{Types: []string{"account.opened", "picture.taken"}},
		{Entities: []string{ids[2], ids[8], "nobody"}}, {Entities: []string{"closed"}},
		{Prefixes: []string{"account-1"}}, {Prefixes: []string{"a/"}, Entities: []string{"z"}},
		{Attribute: &request.Attribute{Name: "tenant", Value: "é✓"}},
		{Entities: []string{ids[0]}, From: at(20), Types: []string{"account.deposited"}},
	} {
		want := make(history)
		for id, events := range all {
			for _, one := range events {
				logged, line, _ := strings.Cut(one, " ")
				if selects(t, &chosen, id, logged, line) {
					want[id] = append(want[id], one)
				}
			}
		}
		out := filepath.Join(t.TempDir(), "part")
		j := job(t, clientOf(t, a), out, chosen)
		m, err := j.run(t.Context())
		must(t, err)
		got, _ := historyOf(t, out)
		same(t, string(m.Header.Select), got, want)
	}
}

// selects says what a selection means, in other words than the platform.
func selects(t *testing.T, r *request.Request, id, logged, line string) bool {
	var millis int64
	_, err := fmt.Sscan(logged, &millis)
	must(t, err)
	at := time.UnixMilli(millis)
	e, err := event.Parse(line)
	must(t, err)
	named := len(r.Entities)+len(r.Prefixes) == 0 || slices.Contains(r.Entities, id) ||
		slices.ContainsFunc(r.Prefixes, func(p string) bool { return strings.HasPrefix(id, p) })
	has := r.Attribute == nil || strings.Contains(line, `"`+r.Attribute.Name+`":"`+r.Attribute.Value+`"`)
	return (r.From == nil || !at.Before(*r.From)) && (r.To == nil || at.Before(*r.To)) && named && has &&
		(len(r.Types) == 0 || slices.Contains(r.Types, e.Type))
}

// Events that arrive while an export reads, into buckets that it has read, reads and will
// read, are not in it; all that the log had before are, once.
func TestTheCutHoldsWhileEventsArrive(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 4
	a := platform(t, lanes)
	sent := sendRandom(t, a, lanes, r, 300)
	want := logOf(t, a, lanes)
	from := count(clientOf(t, a))
	more := 0
	from.before = func(context.Context, extract.PageRequest) error {
		var batch []json.RawMessage
		for _, id := range ids {
			subject, err := json.Marshal(id)
			must(t, err)
			batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"more-%d","source":"/t",`+
				`"type":"account.deposited","subject":%s,"data":{"amount":1}}`, more, subject)))
			more++
		}
		a.Send("/events", batch)
		a.Settle(sent + int64(more))
		return nil
	}
	out := filepath.Join(t.TempDir(), "log")
	j := job(t, from, out, request.Request{})
	m, err := j.run(t.Context())
	must(t, err)
	if m.End.Events != sent || more == 0 {
		t.Errorf("%d events exported, want %d; %d came meanwhile", m.End.Events, sent, more)
	}
	got, _ := historyOf(t, out)
	same(t, "the export", got, want)
}

var errKilled = errors.New("killed")

// An export that is killed at any page goes on with the same cut, reads no finished part
// again, and is the same in the end.
func TestAKilledExportGoesOn(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	const lanes = 4
	a := platform(t, lanes)
	sent := sendRandom(t, a, lanes, r, 400)
	for _, name := range []string{"file", "folder/"} {
		for kill := 0; ; kill++ {
			out := filepath.Join(t.TempDir(), name)
			if strings.HasSuffix(name, "/") {
				out += "/"
			}
			from := count(clientOf(t, a))
			pages := 0
			from.before = func(context.Context, extract.PageRequest) error {
				if pages++; pages > kill {
					return errKilled
				}
				return nil
			}
			j := job(t, from, out, request.Request{})
			j.partBytes, j.spoolBytes = 20_000, 1000 // parts end within buckets, which are sorted in files
			_, err := j.run(t.Context())
			if err == nil {
				goesOnAfterWholeBuckets(t, out)
				break
			}
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if name == "file" { // killed in the middle of a write
				info, err := os.Stat(out + archive.Partial)
				must(t, err)
				must(t, os.Truncate(out+archive.Partial, info.Size()-r.Int64N(info.Size()/2)))
			}
			w, found, err := archive.Resume(out, strings.HasSuffix(name, "/"))
			if err != nil || (!found && name != "file") {
				t.Fatalf("nothing to go on with: %v", err)
			}
			written := make(map[event.Lane]bool)
			if found { // not if the header itself is cut off
				for _, p := range w.Parts() {
					written[event.Lane(p.Lane)] = written[event.Lane(p.Lane)] || p.Done
				}
				must(t, w.Close())
			}
			// Events that come before it goes on are not in it.
			a.Send("/events", []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"k%d","source":"/t",`+
				`"type":"account.opened","subject":"late-%s-%d","data":{"owner":"x"}}`, kill, name[:4], kill))})
			rest := count(clientOf(t, a))
			j = job(t, rest, out, request.Request{})
			j.partBytes, j.spoolBytes = 20_000, 1000
			m, err := j.run(t.Context())
			must(t, err)
			if m.End.Events < sent || m.End.Events != logged(&m.Header) {
				t.Errorf("killed at page %d: %d events of %d", kill, m.End.Events, logged(&m.Header))
			}
			for lane := range rest.pages {
				if written[lane] {
					t.Errorf("killed at page %d: lane %s was read again", kill, lane)
				}
			}
			historyOf(t, out)
			a.Settle(sent)
		}
	}
}

// A platform whose pages lack an event, have one twice, or one beyond the cut, or lose a
// bucket, is found out.
func TestAnIncompleteLogIsNotExported(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	a := platform(t, 1)
	sendRandom(t, a, 1, r, 60)
	for name, damage := range map[string]func(*extract.Page){
		"less":   func(p *extract.Page) { p.Buckets[0].Events = p.Buckets[0].Events[1:] },
		"twice":  func(p *extract.Page) { p.Buckets[0].Events = append(p.Buckets[0].Events, p.Buckets[0].Events[0]) },
		"count":  func(p *extract.Page) { p.Buckets[0].Read.Count-- },
		"bucket": func(p *extract.Page) { p.Buckets = p.Buckets[1:] },
		"end":    func(p *extract.Page) { p.Buckets[len(p.Buckets)-1].Done, p.Next = false, nil },
		"order":  func(p *extract.Page) { slices.Reverse(p.Buckets) },
	} {
		out := filepath.Join(t.TempDir(), "log")
		j := job(t, &damaging{clientOf(t, a), damage}, out, request.Request{})
		if _, err := j.run(t.Context()); !errors.Is(err, errIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: there is an export", name)
		}
	}
	// Of a range of times, each bucket is compared with its manifest.
	late := beginning.AddDate(50, 0, 0)
	j := job(t, &damaging{clientOf(t, a), func(p *extract.Page) { p.Buckets[0].Read.Count-- }},
		filepath.Join(t.TempDir(), "log"), request.Request{To: &late})
	if _, err := j.run(t.Context()); !errors.Is(err, errIncomplete) {
		t.Errorf("a range: %v", err)
	}
}

type damaging struct {
	source
	damage func(*extract.Page)
}

func (d *damaging) LogPage(ctx context.Context, asked extract.PageRequest) (extract.Page, error) {
	page, err := d.source.LogPage(ctx, asked)
	if err == nil {
		d.damage(&page)
	}
	return page, err
}
