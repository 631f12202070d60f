package powercut

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/verifications"
	"reprise/pkg/api/web"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

const (
	lanes    = 4
	entities = 5
	batch    = 20
	// sent is the number of events that the day sends.
	sent = 120
	// toRefold and toReverse are the entities that it corrects, the latter by reversing the
	// event 1.
	toRefold, toReverse = "file-0", "file-1"
)

// replays are those of the day, in their order.
func replays() []string { return []string{"plain", "capped", "asks", "withdrawn", "deep", "goes"} }

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func change(i int) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t","type":"file.changed",`+
		`"subject":"file-%d","data":{"added":2,"deleted":1,"lines":1}}`, i, i%entities))
}

// client is a client of a platform, which tells the disk what was promised to it.
type client struct {
	*localtest.Platform
	disk *disk
}

func open(t *testing.T, fs local.Options) *localtest.Platform {
	t.Helper()
	fs.Dir, fs.Lanes, fs.Shards = "data", lanes, 2
	return localtest.Start(t, fs)
}

func (c *client) post(path, body string, want ...int) {
	c.T.Helper()
	status, answer := c.Call(http.MethodPost, path, "application/json", []byte(body))
	for _, w := range want {
		if status == w {
			return
		}
	}
	c.T.Fatalf("POST %s %s: %d %s, want %d", path, body, status, answer, want)
}

// sends sends the events up to one.
func (c *client) sends(from, to int) {
	c.T.Helper()
	for i := from; i < to; i += batch {
		var events []json.RawMessage
		for n := i; n < i+batch; n++ {
			events = append(events, change(n))
		}
		c.Send("/events", events)
		c.disk.promise(func(p *promises) { p.events = i + batch })
	}
}

func (c *client) begins(name, input string) {
	c.T.Helper()
	c.post("/replays", `{"name":"`+name+`","input":`+input+`}`, http.StatusCreated)
}

// ends waits until a replay has ended.
func (c *client) ends(name string, want replay.Status) {
	c.T.Helper()
	v := localtest.Until(c, "/replays/"+name, func(v lifecycle.View) bool { return v.Status.Ended() })
	if v.Status != want {
		c.T.Fatalf("%s: %s, %+v", name, v.Status, v.Failure)
	}
	c.disk.promise(func(p *promises) { p.ended[name] = v.Status })
}

// resumes resumes a replay without a budget, which may have ended.
func (c *client) resumes(name string) {
	c.T.Helper()
	c.post("/replays/"+name+"/budget", `{"budget":null}`, http.StatusOK, http.StatusConflict)
	c.post("/replays/"+name+"/resume", `{}`, http.StatusOK, http.StatusConflict)
}

// asks waits until a replay asks, and returns its generation.
func (c *client) asks(name string) string {
	c.T.Helper()
	return localtest.Until(c, "/replays/"+name, func(v lifecycle.View) bool {
		return v.Status == replay.ShownAsking
	}).Generation
}

// chooses makes a generation active.
func (c *client) chooses(generation, how string) {
	c.T.Helper()
	c.disk.promise(func(p *promises) { p.active = "" })
	c.post("/generations/"+generation+"/"+how, `{}`, http.StatusOK, http.StatusAccepted)
	c.becomes(generation, how == "promote")
}

// becomes waits until a generation is the active one, or no longer is.
func (c *client) becomes(generation string, active bool) {
	c.T.Helper()
	v := localtest.Until(c, "/generations", func(v api.GenerationsView) bool {
		return v.Active != "" && (v.Active == generation) == active
	})
	c.disk.promise(func(p *promises) { p.active = v.Active })
}

// day is what a platform is used for.
func (c *client) day() {
	c.T.Helper()
	c.sends(0, 40)
	c.begins("plain", `{}`)
	c.ends("plain", replay.Succeeded)
	c.begins("capped", `{"budget":{"readUnits":1}}`)
	localtest.Until(c, "/replays/capped", func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	c.resumes("capped")
	c.ends("capped", replay.Succeeded)
	c.sends(40, 60)
	c.begins("asks", `{"rebuild":true,"promote":"ask"}`)
	// It may have come too far to be paused, or ask by now.
	c.post("/replays/asks/pause", `{}`, http.StatusOK, http.StatusConflict)
	localtest.Until(c, "/replays/asks", func(v lifecycle.View) bool {
		return v.Status == replay.ShownPaused || v.Status == replay.ShownAsking
	})
	c.resumes("asks")
	chosen := c.asks("asks")
	c.chooses(chosen, "promote")
	c.ends("asks", replay.Succeeded)
	c.sends(60, 80)
	c.chooses(chosen, "rollback")
	c.chooses(chosen, "promote")
	c.begins("withdrawn", `{"rebuild":true,"promote":"ask"}`)
	c.asks("withdrawn")
	c.post("/replays/withdrawn/cancel", `{}`, http.StatusOK)
	c.ends("withdrawn", replay.Cancelled)
	c.sends(80, 100)
	c.corrects(toRefold, "refold", `{"request":"r","reason":"r"}`)
	c.corrects(toReverse, "reverse", `{"source":"/t","id":"1","reason":"r"}`)
	c.verifies("deep", `{"depth":"rebuild"}`)
	c.sends(100, sent)
	c.disk.promise(func(p *promises) { p.active = "" })
	c.begins("goes", `{"rebuild":true,"promote":true}`)
	c.ends("goes", replay.Succeeded)
	c.becomes(chosen, false)
}

func (c *client) corrects(entity, how, body string) {
	c.T.Helper()
	c.post("/entities/"+web.EncodeEntity(entity)+"/"+how, body, http.StatusOK, http.StatusCreated, http.StatusAccepted)
	c.disk.promise(func(p *promises) { p.corrected = append(slices.Clone(p.corrected), entity) })
}

// verifies begins a verification, which may have begun, and waits for its verdict.
func (c *client) verifies(name, input string) {
	c.T.Helper()
	c.post("/verifications", `{"name":"`+name+`","input":`+input+`}`, http.StatusCreated, http.StatusOK)
	v := localtest.Until(c, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
	if v.Status != verify.Clean {
		c.T.Errorf("verification %s: %s: %+v %+v", name, v.Status, v.Report, v.Failure)
	}
}

// exists reports whether a GET finds something.
func (c *client) exists(path string) bool {
	c.T.Helper()
	status, body := c.Call(http.MethodGet, path, "", nil)
	if status != http.StatusOK && status != http.StatusNotFound {
		c.T.Fatalf("GET %s: %d %s", path, status, body)
	}
	return status == http.StatusOK
}

// TestADiskIsTakenAwayAtAnyWrite uses a platform for a day, and goes on from what the disk
// had at some of its writes, as after kill -9 or, where a part of what was not synced is
// lost, after a power failure.
func TestADiskIsTakenAwayAtAnyWrite(t *testing.T) {
	t.Parallel()
	localtest.Whole(t)
	d := chosenDisk(t, 1)
	c := &client{open(t, local.Options{FS: d}), d}
	c.day()
	c.isWhole()
	c.Stop()
	d.each(t, goesOn)
}

// goesOn opens a disk as it was at a moment.
func goesOn(t *testing.T, m *moment) {
	c := &client{open(t, local.Options{FS: roomy{m.disk}}), newDisk(nil, 0)}
	c.disk.promise(func(p *promises) { p.corrected = m.promises.corrected })
	c.holds(m)
	for _, name := range replays() {
		if name != "deep" && c.exists("/replays/"+name) {
			c.finishes(name)
		}
	}
	if c.exists("/verifications/deep") {
		c.verifies("deep", `{"depth":"rebuild"}`)
	}
	c.sends(0, sent)
	c.begins("afterwards", `{"rebuild":true,"promote":true}`)
	c.ends("afterwards", replay.Succeeded)
	c.isWhole()
}

// holds checks that what was promised until a moment holds.
func (c *client) holds(m *moment) {
	t := c.T
	t.Helper()
	c.settles()
	localtest.Until(c, "/lanes", func(v api.LanesView) bool {
		var events int64
		for _, lane := range v.Lanes {
			events += lane.Count
		}
		if events < int64(m.promises.events) {
			t.Fatalf("%d events, and %d were accepted", events, m.promises.events)
		}
		return true
	})
	if want := m.promises.active; want != "" {
		localtest.Until(c, "/generations", func(v api.GenerationsView) bool {
			if v.Active != "" && v.Active != want {
				t.Errorf("%s is active, and %s was made active", v.Active, want)
				return true
			}
			return v.Active == want
		})
	}
	for name, status := range m.promises.ended {
		v := localtest.Until(c, "/replays/"+name, func(lifecycle.View) bool { return true })
		if v.Status != status {
			t.Errorf("%s is %s, and was %s", name, v.Status, status)
		}
	}
}

// finishes sees to it that a replay that goes on or waits comes to its end.
func (c *client) finishes(name string) {
	c.T.Helper()
	v := localtest.Until(c, "/replays/"+name, func(v lifecycle.View) bool {
		return v.Status.Ended() || v.Status == replay.ShownPaused || v.Status == replay.ShownAsking
	})
	switch v.Status {
	case replay.ShownPaused:
		c.resumes(name)
		c.finishes(name)
	case replay.ShownAsking:
		c.post("/generations/"+v.Generation+"/promote", `{}`, http.StatusOK, http.StatusAccepted)
		c.ends(name, replay.Succeeded)
	case replay.Failed:
		c.T.Errorf("%s: %+v", name, v.Failure)
	}
}

// settles waits until everything that was sent is in the log and taken in.
func (c *client) settles() {
	c.T.Helper()
	localtest.Until(c, "/status", func(v api.StatusView) bool {
		return !slices.ContainsFunc(v.Consumers, func(c api.ConsumerStatus) bool {
			return c.BehindRecords == nil || *c.BehindRecords > 0
		})
	})
	c.Settle(0)
}

// isWhole checks that everything that was sent is in the log and in the active generation,
// each event once, and that no generation is left that nobody needs.
func (c *client) isWhole() {
	c.T.Helper()
	c.settles()
	name := "whole-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	c.verifies(name, `{"full":true}`)
	rows := c.Rows("", lanes)
	if len(rows) != entities {
		c.T.Errorf("%d rows", len(rows))
	}
	for entity, row := range rows {
		reversed := int64(0)
		if entity == toReverse && row.Skipped > 0 {
			reversed = 1
		}
		if row.Count+reversed != sent/entities || row.Skipped != reversed || row.Parked != nil {
			c.T.Errorf("%s: %+v", entity, row)
		}
		if done := c.disk.now().corrected; slices.Contains(done, entity) && row.Corrections != 1 {
			c.T.Errorf("%s was corrected: %+v", entity, row)
		}
	}
	v := localtest.Until(c, "/generations", func(v api.GenerationsView) bool {
		return len(v.Generations) <= 2
	})
	for _, g := range v.Generations {
		if g.ID != v.Active && g.ID != v.Previous {
			c.T.Errorf("generation %s is left: %+v", g.ID, g)
		}
	}
}
