package client

import (
	"context"
	"net/url"

	"reprise/pkg/api/verifications"
	"reprise/pkg/verify"
)

// StartVerification starts a verification.
func (c *Client) StartVerification(ctx context.Context, start verifications.Start) (verifications.View, error) {
	var view verifications.View
	err := c.post(ctx, "/verifications", start, &view)
	return view, err
}

// CancelVerification cancels a verification.
func (c *Client) CancelVerification(ctx context.Context, id string) (verifications.View, error) {
	var view verifications.View
	err := c.post(ctx, verificationPath(id)+"/cancel", struct{}{}, &view)
	return view, err
}

// Verification returns a verification with its progress, or what it found.
func (c *Client) Verification(ctx context.Context, id string) (verifications.View, error) {
	var view verifications.View
	err := c.get(ctx, verificationPath(id), nil, &view)
	return view, err
}

// Verifications calls visit for every verification, ascending by id.
func (c *Client) Verifications(ctx context.Context, visit func(verifications.View) error) error {
	const limit = 200
	for after := ""; ; {
		var page verifications.Page
		if err := c.get(ctx, "/verifications", paging(after, limit), &page); err != nil {
			return err
		}
		for _, view := range page.Verifications {
			if err := visit(view); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// Differences calls visit for every difference that is kept of a verification, which are
// the first of each lane.
func (c *Client) Differences(ctx context.Context, id string, visit func(verify.Difference) error) error {
	for after := ""; ; {
		query := url.Values{}
		if after != "" {
			query.Set("after", after)
		}
		var page verifications.DifferencesPage
		if err := c.get(ctx, verificationPath(id)+"/differences", query, &page); err != nil {
			return err
		}
		for _, difference := range page.Differences {
			if err := visit(difference); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func verificationPath(id string) string { return "/verifications/" + url.PathEscape(id) }
