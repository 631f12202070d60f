package client

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/reversals"
	"reprise/pkg/replay"
)

// Refold appends a correction at which an entity is folded again.
func (c *Client) Refold(
	ctx context.Context, entity string, request entities.RefoldRequest,
) (entities.Refolding, error) {
	var made entities.Refolding
	err := c.post(ctx, entityPath(entity)+"/refold", request, &made)
	return made, err
}

// Reverse appends a reversal of an event, or tells what would follow.
func (c *Client) Reverse(
	ctx context.Context, entity string, request reversals.Request,
) (reversals.Reversing, error) {
	var made reversals.Reversing
	err := c.post(ctx, entityPath(entity)+"/reverse", request, &made)
	return made, err
}

// Touched returns a page of the entities that have events of a selection: the one after
// the page that returned after as Next, or the first for "".
func (c *Client) Touched(ctx context.Context, of replay.Request, after string) (entities.TouchedPage, error) {
	var page entities.TouchedPage
	raw, err := json.Marshal(of)
	if err != nil {
		return page, fmt.Errorf("encode request: %w", err)
	}
	err = c.post(ctx, "/touched", entities.TouchedRequest{Input: raw, After: after}, &page)
	return page, err
}
