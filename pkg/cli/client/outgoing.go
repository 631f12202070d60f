package client

import (
	"context"
	"net/url"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/web"
	"reprise/pkg/effects/approval"
)

func effectsPath(entity string) string { return "/effects/" + web.EncodeEntity(entity) }

func comparisonPath(replay string) string { return "/comparisons/" + url.PathEscape(replay) }

// EffectsWaiting returns a page of the entities whose effects wait.
func (c *Client) EffectsWaiting(ctx context.Context, after string) (outgoing.WaitingPage, error) {
	var page outgoing.WaitingPage
	err := c.get(ctx, "/effects/waiting", paging(after, 200), &page)
	return page, err
}

// Calls returns a page of what was called for an entity.
func (c *Client) Calls(ctx context.Context, entity, after string) (outgoing.CallsPage, error) {
	var page outgoing.CallsPage
	err := c.get(ctx, effectsPath(entity)+"/calls", paging(after, 100), &page)
	return page, err
}

// ResumeEffects lets an entity whose effects wait go on as a person decided.
func (c *Client) ResumeEffects(
	ctx context.Context, entity string, how outgoing.ResumeRequest,
) (outgoing.Resumed, error) {
	var resumed outgoing.Resumed
	err := c.post(ctx, effectsPath(entity)+"/resume", how, &resumed)
	return resumed, err
}

// Comparison returns a page of what a replay would have sent otherwise, of one class or "".
func (c *Client) Comparison(ctx context.Context, replay, class, after string) (outgoing.Comparison, error) {
	query := paging(after, 100)
	if class != "" {
		query.Set("class", class)
	}
	var page outgoing.Comparison
	err := c.get(ctx, comparisonPath(replay), query, &page)
	return page, err
}

// ApproveEffects approves differences that a replay has found.
func (c *Client) ApproveEffects(
	ctx context.Context, replay string, what outgoing.ApproveRequest,
) (approval.Approval, error) {
	var made approval.Approval
	err := c.post(ctx, comparisonPath(replay)+"/approve", what, &made)
	return made, err
}
