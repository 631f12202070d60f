package powercut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/personal/sealed"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

const (
	customers, named = 6, 48
	// gone is the customer who is erased in the middle; nobody names it after that.
	gone = "customer-0"
)

// naming is the options of a platform that writes to each customer who is named.
func naming(disk local.Options, mail *effectstest.System) local.Options {
	disk.Projections = []projection.Projection{projection.New("customers", 1, []string{"customer.named"},
		func(_ map[string]json.RawMessage, e *event.Event) (map[string]json.RawMessage, error) {
			var data map[string]json.RawMessage
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
				return nil, errors.New("data is no object")
			}
			return data, nil
		})}
	disk.Personal = sealed.Rules{"customer.named": {Fields: []string{"/name"}}}
	disk.Service = &effectstest.Service{Code: 1, On: []string{"customer.named"},
		May: []gateway.Call{{System: "mail", Name: "welcome", Kind: gateway.Updating, Timeout: time.Second}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "welcome",
				Body: json.RawMessage(`"` + r.Event.ID + `"`)})
			return err
		}}
	disk.Systems = gateway.Systems{"mail": mail}
	return disk
}

// names sends the namings up to one. Those of the customer who is erased are among the
// first half.
func (c *client) names(from, to int) {
	c.T.Helper()
	for i := from; i < to; i += batch / 2 {
		var events []json.RawMessage
		for n := i; n < min(i+batch/2, to); n++ {
			subject := n % customers
			if n >= named/2 && subject == 0 {
				subject = 1
			}
			events = append(events, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t",`+
				`"type":"customer.named","subject":"customer-%d","data":{"name":"Name of %d"}}`, n, subject, subject)))
		}
		c.Send("/events", events)
		c.disk.promise(func(p *promises) { p.events = i + len(events) })
	}
}

// erases erases a customer, which may have been done before.
func (c *client) erases() {
	c.T.Helper()
	c.post("/erasures", `{"subject":"`+gone+`","reason":"asked"}`, http.StatusOK, http.StatusCreated)
	c.disk.promise(func(p *promises) { p.erased = true })
}

// isErased fails the test if the name of the customer who was erased is shown.
func (c *client) isErased() {
	c.T.Helper()
	for entity, row := range c.Rows("", lanes) {
		if entity == gone && strings.Contains(string(row.State), "Name of 0") {
			c.T.Errorf("%s has %s", entity, row.State)
		}
	}
}

// allWritten waits until no customer waits for a letter.
func (c *client) allWritten() {
	c.T.Helper()
	c.settles()
	localtest.Until(c, "/effects/waiting", func(page outgoing.WaitingPage) bool { return len(page.Waiting) == 0 })
}

// TestADiskIsTakenAwayWhileSystemsAreCalled uses a platform that writes to its customers,
// one of whom is erased, and goes on from what the disk had at some of its writes: every
// letter is written, under one key, and the name of who was erased is gone.
func TestADiskIsTakenAwayWhileSystemsAreCalled(t *testing.T) {
	t.Parallel()
	localtest.Whole(t)
	d := chosenDisk(t, 2)
	mail := &effectstest.System{}
	d.outside = mail.Done
	c := &client{open(t, naming(local.Options{FS: d}, mail)), d}
	c.names(0, named/2)
	c.begins("first", `{"rebuild":true,"promote":true}`)
	c.ends("first", replay.Succeeded)
	c.erases()
	c.begins("second", `{"rebuild":true,"promote":true}`)
	c.names(named/2, named)
	c.ends("second", replay.Succeeded)
	c.allWritten()
	c.Stop()
	d.each(t, writesOn)
}

// writesOn opens the disk of a platform that writes to its customers as it was at a moment.
func writesOn(t *testing.T, m *moment) {
	after := &effectstest.System{}
	c := &client{open(t, naming(local.Options{FS: roomy{m.disk}}, after)), newDisk(nil, 0)}
	c.holds(m)
	if m.promises.erased {
		c.isErased()
	}
	for _, name := range []string{"first", "second"} {
		if c.exists("/replays/" + name) {
			c.finishes(name)
		}
	}
	c.names(0, named)
	c.erases()
	c.allWritten()
	c.isErased()
	written := after.Done()
	maps.Copy(written, m.calls)
	letters := make(map[string]bool)
	for _, body := range written {
		letters[string(body)] = true
	}
	if len(written) != named || len(letters) != named {
		t.Errorf("%d letters under %d keys, want %d", len(letters), len(written), named)
	}
}
