package client

import (
	"context"
	"net/http"

	"reprise/pkg/api/extract"
	"reprise/pkg/api/intake"
)

// LogCut returns the present cut of the log.
func (c *Client) LogCut(ctx context.Context) (extract.Cut, error) {
	var cut extract.Cut
	err := c.get(ctx, "/log/cut", nil, &cut)
	return cut, err
}

// LogPage returns a page of a lane up to a cut.
func (c *Client) LogPage(ctx context.Context, asked extract.PageRequest) (extract.Page, error) {
	var page extract.Page
	err := c.post(ctx, "/log/pages", asked, &page)
	return page, err
}

// importing adds to a header whether an import may have external systems called.
func (c *Client) importing(header http.Header) http.Header {
	if c.React {
		header.Set(intake.ReactHeader, intake.React)
	}
	return header
}

// SendCopy imports lines of another log, each an event with its position and logged time
// there. A retry may put an event into the log twice; the second is a duplicate, which is
// never applied.
func (c *Client) SendCopy(ctx context.Context, lines []byte) (intake.Accepted, error) {
	var accepted intake.Accepted
	err := c.do(ctx, call{method: http.MethodPost, path: "/imports", body: lines, header: c.importing(http.Header{
		"Content-Type": {intake.CopyType}, "Prefer": {"return=minimal"}})}, &accepted)
	return accepted, err
}
