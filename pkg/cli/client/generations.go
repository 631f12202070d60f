package client

import (
	"context"
	"net/url"
	"strconv"

	"reprise/pkg/api/generations"
	"reprise/pkg/projection/rowdiff"
)

func generationPath(id string) string { return "/generations/" + url.PathEscape(id) }

// Promotion is what came of a promotion: the generation is active, or its replay, which had
// asked, goes on.
type Promotion struct {
	generations.Promoted
	generations.Approved
}

// PromoteGeneration makes a generation the active one.
func (c *Client) PromoteGeneration(ctx context.Context, id string, body generations.Promote) (Promotion, error) {
	var promotion Promotion
	err := c.post(ctx, generationPath(id)+"/promote", body, &promotion)
	return promotion, err
}

// DiffGeneration says what would change if a generation replaced another, "" for the active
// one, of about so many entities.
func (c *Client) DiffGeneration(ctx context.Context, id, with string, entities int) (rowdiff.Report, error) {
	query := url.Values{"entities": {strconv.Itoa(entities)}}
	if with != "" {
		query.Set("with", with)
	}
	var report rowdiff.Report
	err := c.get(ctx, generationPath(id)+"/diff", query, &report)
	return report, err
}

// RollbackGeneration goes back from the active generation to the one before.
func (c *Client) RollbackGeneration(
	ctx context.Context, from string, body generations.Rollback,
) (generations.Promoted, error) {
	var promoted generations.Promoted
	err := c.post(ctx, generationPath(from)+"/rollback", body, &promoted)
	return promoted, err
}

// DropGeneration takes a generation out of use.
func (c *Client) DropGeneration(ctx context.Context, id string) (generations.Dropped, error) {
	var dropped generations.Dropped
	err := c.post(ctx, generationPath(id)+"/drop", struct{}{}, &dropped)
	return dropped, err
}
