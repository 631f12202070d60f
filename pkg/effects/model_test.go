package effects_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"reprise/pkg/domain/samples"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/projection"
)

// seen is what the tested service tells the outside of an event.
type seen struct {
	ID     string          `json:"id"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
	Rate   json.RawMessage `json:"rate"`
}

// telling is a service that asks for a rate and tells of every event with the states
// around it.
func telling() *effectstest.Service {
	return &effectstest.Service{
		Code: 1,
		On:   []string{"account.opened", "account.deposited", "account.withdrawn", "nobody.folds"},
		May: []gateway.Call{{System: "rates", Name: "rate", Kind: gateway.Asking},
			{System: "books", Name: "told", Kind: gateway.Updating},
			{System: "bank", Name: "pay", Kind: gateway.Updating, AtMostOnce: true}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			rate, err := outside.Query(ctx, gateway.Query{System: "rates", Name: "rate"})
			if err != nil {
				return err
			}
			body, err := json.Marshal(seen{r.Event.ID, orNull(r.Before), orNull(r.After), rate})
			if err != nil {
				return err
			}
			if _, err = outside.Update(ctx, gateway.Effect{System: "books", Name: "told", Body: body}); err != nil {
				return err
			}
			_, err = outside.Update(ctx, gateway.Effect{System: "bank", Name: "pay", Body: body})
			return err
		},
	}
}

func orNull(state json.RawMessage) json.RawMessage {
	if len(state) == 0 {
		return json.RawMessage("null")
	}
	return state
}

// model is the rule for one entity, written down once more: what happens, in which states.
type model struct {
	c       *chaos
	state   json.RawMessage
	known   map[string]bool
	parked  *event.Event
	waiting []*event.Event
	keys    []string
	states  []seen
}

func (m *model) take(e *event.Event) {
	if m.known[e.Source+" "+e.ID] {
		return
	}
	m.known[e.Source+" "+e.ID] = true
	if m.parked == nil {
		m.happen(e)
		return
	}
	m.waiting = append(m.waiting, e)
	for m.parked != nil && m.skipped() {
		rest := m.waiting
		m.parked, m.waiting = nil, nil
		for _, one := range rest {
			if m.parked != nil {
				m.waiting = append(m.waiting, one)
			} else {
				m.happen(one)
			}
		}
	}
}

// skipped reports whether one of the waiting events steps over the parked one.
func (m *model) skipped() bool {
	return slices.ContainsFunc(m.waiting, func(e *event.Event) bool {
		skip, is := event.SkipOf(e)
		return is && skip.Named() == m.parked.Identity()
	})
}

func (m *model) happen(e *event.Event) {
	if event.IsCorrection(e) {
		return
	}
	before := m.state
	if slices.Contains(samples.Accounts().Types(), e.Type) {
		f, err := samples.Accounts().Begin(m.state)
		if err != nil {
			m.c.t.Fatal(err)
		}
		after, err := f.Apply(e)
		if err != nil {
			m.parked = e
			return
		}
		m.state = after
	}
	if slices.Contains(telling().On, e.Type) {
		m.keys = append(m.keys, gateway.Key(e, "books", "told", ""))
		m.states = append(m.states, seen{e.ID, orNull(before), orNull(m.state), nil})
	}
}

// expected are the updates that the log calls for.
func (c *chaos) expected(entity string) (keys []string, states []seen) {
	c.t.Helper()
	m := &model{c: c, known: make(map[string]bool)}
	c.history(entity, func(p *projection.Placed) { m.take(&p.Event) })
	return m.keys, m.states
}

func (c *chaos) judge() {
	c.t.Helper()
	done, wanted := c.books.Done(), 0
	for entity := range 3 {
		keys, states := c.expected(fmt.Sprintf("x%d", entity))
		wanted += len(keys)
		var order []string
		for _, key := range c.order {
			if slices.Contains(keys, key) {
				order = append(order, key)
			}
		}
		if !slices.Equal(order, keys) {
			c.t.Errorf("x%d: %d updates in the order of the events are expected, not %d\n%v\n%v", entity, len(keys),
				len(order), order, keys)
		}
		for i, key := range keys {
			var told seen
			if err := json.Unmarshal(done[key], &told); err != nil {
				c.t.Errorf("update %d of x%d: %v", i, entity, err)
				continue
			}
			if told.ID != states[i].ID || !bytes.Equal(told.Before, states[i].Before) ||
				!bytes.Equal(told.After, states[i].After) {
				c.t.Errorf("x%d: told %s, want %s", entity, done[key], states[i])
			}
			if answer := c.recorded(fmt.Sprintf("x%d", entity), told.ID, "rates"); string(answer) != string(told.Rate) {
				c.t.Errorf("x%d: told the rate %s, recorded is %s", entity, told.Rate, answer)
			}
		}
	}
	for key, times := range c.paid {
		if times != 1 {
			c.t.Errorf("what may happen once only happened %d times: %s", times, key)
		}
	}
	if len(c.paid) != wanted {
		c.t.Errorf("%d payments, want %d", len(c.paid), wanted)
	}
	if len(done) != wanted {
		c.t.Errorf("%d updates were made, want %d", len(done), wanted)
	}
}

func (s seen) String() string { return fmt.Sprintf("%s: %s → %s", s.ID, s.Before, s.After) }
