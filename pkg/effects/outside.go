package effects

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/gateway"
)

// maxPart bounds what tells calls of one name apart, and maxCalls the calls of a reaction.
const (
	maxPart  = 128
	maxCalls = 100
)

// live is the Gateway of the live path, for one reaction.
type live struct {
	caller   *caller
	calls    gateway.Calls
	version  string
	place    Place
	reaction *gateway.Reaction
	order    int
	// failed is the first call that failed, whatever the service makes of that.
	failed *failure
}

// failure is a call that failed, with the error.
type failure struct {
	call string
	err  error
}

var _ gateway.Gateway = (*live)(nil)

// Update implements gateway.Gateway.
func (g *live) Update(ctx context.Context, e gateway.Effect) ([]byte, error) {
	key := gateway.Key(g.reaction.Event, e.System, e.Name, e.Part)
	return g.call(ctx, gateway.Updating, e.System, e.Name, e.Part, key, e.Body)
}

// Query implements gateway.Gateway.
func (g *live) Query(ctx context.Context, q gateway.Query) ([]byte, error) {
	return g.call(ctx, gateway.Asking, q.System, q.Name, q.Part, "", q.Body)
}

func (g *live) call(
	ctx context.Context, kind gateway.Kind, system, name, part, key string, body []byte,
) ([]byte, error) {
	answer, err := g.carry(ctx, kind, system, name, part, key, body)
	if err != nil && g.failed == nil {
		g.failed = &failure{system + "/" + name, err}
	}
	return answer, err
}

func (g *live) carry(
	ctx context.Context, kind gateway.Kind, system, name, part, key string, body []byte,
) ([]byte, error) {
	g.order++
	call, err := declared(g.calls, kind, system, name, part, body, g.order)
	if err != nil {
		return nil, err
	}
	record, version, err := g.caller.ledger.load(ctx, g.place, system, name, part, 0)
	if err != nil {
		return nil, err
	}
	if version == "" {
		record = newRecord(g.place, g.reaction, call, part)
		record.Order, record.Key, record.Body, record.Version = g.order, key, body, g.version
	}
	return g.caller.carry(ctx, call, &record, version, g.reaction.At)
}

func newRecord(at Place, r *gateway.Reaction, call *gateway.Call, part string) Record {
	return Record{
		Entity:   at.Entity,
		Lane:     at.Lane,
		Position: at.Position,
		Source:   r.Event.Source,
		EventID:  r.Event.ID,
		Type:     r.Event.Type,
		System:   call.System,
		Name:     call.Name,
		Part:     part,
		Kind:     call.Kind,
		Status:   Pending,
	}
}

// declared returns the declaration of a call, or why the gateway refuses it.
func declared(
	calls gateway.Calls, kind gateway.Kind, system, name, part string, body []byte, order int,
) (*gateway.Call, error) {
	id := system + "/" + name
	call, found := calls[id]
	switch {
	case !found || call.Kind != kind:
		return nil, fmt.Errorf("call %s: %w: the service declares no such %s", id, gateway.ErrRefused, kind)
	case len(part) > maxPart:
		return nil, fmt.Errorf("call %s: %w: its part has more than %d bytes", id, gateway.ErrRefused, maxPart)
	case order > maxCalls:
		return nil, fmt.Errorf("call %s: %w: a reaction makes at most %d calls", id, gateway.ErrRefused, maxCalls)
	case len(body) > gateway.MaxBytes:
		return nil, fmt.Errorf("call %s: %w", id, gateway.ErrTooLarge)
	case len(body) > 0 && !json.Valid(body):
		return nil, fmt.Errorf("call %s: %w: its body is not JSON", id, gateway.ErrRefused)
	}
	return &call, nil
}
