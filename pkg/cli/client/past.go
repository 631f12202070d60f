package client

import (
	"context"
	"net/url"

	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

func pastPath(id string) string { return "/past/" + web.EncodeEntity(id) }

// StateAt returns an entity's state after its last event up to a position or a time.
func (c *Client) StateAt(ctx context.Context, id, at string) (past.StateAt, error) {
	var state past.StateAt
	err := c.get(ctx, pastPath(id)+"/state", url.Values{"at": {at}}, &state)
	return state, err
}

// Explain returns a page of what became of an entity's events: the one after the page
// that returned after as Next, or the first for "".
func (c *Client) Explain(ctx context.Context, id string, after event.Position, limit int) (past.Explanation, error) {
	var page past.Explanation
	err := c.get(ctx, pastPath(id)+"/explain", paging(string(after), limit), &page)
	return page, err
}

// Diff returns what differs between an entity's states at two positions or times.
func (c *Client) Diff(ctx context.Context, id, from, to string) (past.Difference, error) {
	var difference past.Difference
	err := c.get(ctx, pastPath(id)+"/diff", url.Values{"from": {from}, "to": {to}}, &difference)
	return difference, err
}

// AuditFilter says which events an audit lists; "" is no limit.
type AuditFilter struct{ Correlation, Actor, From, To, Type, Prefix string }

// Audit returns a page of the events that a filter selects: the one after the page that
// returned after as Next, or the first for "".
func (c *Client) Audit(ctx context.Context, f AuditFilter, after string, limit int) (past.Audit, error) {
	query := paging(after, limit)
	for name, value := range map[string]string{"correlation": f.Correlation, "actor": f.Actor, "from": f.From, "to": f.To,
		"type": f.Type, "prefix": f.Prefix} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var page past.Audit
	err := c.get(ctx, "/audit", query, &page)
	return page, err
}
