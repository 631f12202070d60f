package client

import (
	"context"

	"reprise/pkg/api/erasures"
)

// Erase erases a data subject, or says what there is to erase. A retry does no harm.
func (c *Client) Erase(ctx context.Context, request erasures.Request) (erasures.View, error) {
	var view erasures.View
	err := c.post(ctx, "/erasures", request, &view)
	return view, err
}
