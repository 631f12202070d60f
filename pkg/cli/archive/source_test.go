package archive

import (
	"context"
	"sync"

	"reprise/pkg/api/extract"
	"reprise/pkg/event"
)

// counting counts the pages that are read, by lane, and calls before each one.
type counting struct {
	source
	before func(ctx context.Context, asked extract.PageRequest) error

	mu    sync.Mutex
	pages map[event.Lane]int
	read  int64
}

func (c *counting) LogPage(ctx context.Context, asked extract.PageRequest) (extract.Page, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.before != nil {
		if err := c.before(ctx, asked); err != nil {
			return extract.Page{}, err
		}
	}
	page, err := c.source.LogPage(ctx, asked)
	c.pages[asked.Lane]++
	for _, b := range page.Buckets {
		c.read += b.Read.Count
	}
	return page, err
}

func count(from source) *counting { return &counting{source: from, pages: make(map[event.Lane]int)} }
