package entity

import (
	"container/heap"
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/client"
	"reprise/pkg/event"
)

const (
	// exportRows is about how many rows of all lanes a merge holds in memory;
	// minPage and maxPage bound the rows of one lane per request.
	exportRows       = 16_384
	minPage, maxPage = 16, 1000
	// firstPages bounds the concurrent requests for the first pages.
	firstPages = 4
)

// Merged merges the sorted rows of a generation's lanes, holding a page of each in
// memory. One goroutine may use it.
type Merged struct {
	client     *client.Client
	generation string
	limit      int
	lanes      laneHeap
}

// lanePages is a lane's rows, page by page.
type lanePages struct {
	lane event.Lane
	rows []entities.View
	// key is the first row's key; it sorts as in the store.
	key  string
	next string
}

// OpenMerged reads the first page of every lane of a generation, "" for the active one.
func OpenMerged(ctx context.Context, c *client.Client, generation string) (*Merged, error) {
	view, err := c.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	// The generation is fixed here, so that a promotion during the export does
	// not mix two generations.
	if generation == "" {
		generation = view.Generation
	}
	m := &Merged{client: c, generation: generation, limit: min(max(exportRows/max(len(view.Lanes), 1), minPage), maxPage)}
	all := make([]*lanePages, len(view.Lanes))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(firstPages)
	for i, l := range view.Lanes {
		all[i] = &lanePages{lane: l.Lane}
		group.Go(func() error { return m.load(groupCtx, all[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, l := range all {
		if len(l.rows) > 0 {
			m.lanes = append(m.lanes, l)
		}
	}
	heap.Init(&m.lanes)
	return m, nil
}

func (m *Merged) load(ctx context.Context, l *lanePages) error {
	page, err := m.client.Rows(ctx, m.generation, l.lane, l.next, m.limit)
	if err != nil {
		return err
	}
	l.rows, l.next = page.Rows, page.Next
	l.setKey()
	return nil
}

func (l *lanePages) setKey() {
	if len(l.rows) > 0 {
		l.key = event.EscapeEntity(l.rows[0].Entity)
	}
}

// Next returns the next row of all lanes, nil at the end.
func (m *Merged) Next(ctx context.Context) (*entities.View, error) {
	if len(m.lanes) == 0 {
		return nil, nil
	}
	first := m.lanes[0]
	found := &first.rows[0]
	first.rows = first.rows[1:]
	first.setKey()
	if len(first.rows) == 0 && first.next != "" {
		if err := m.load(ctx, first); err != nil {
			return nil, err
		}
	}
	if len(first.rows) == 0 {
		heap.Pop(&m.lanes)
	} else {
		heap.Fix(&m.lanes, 0)
	}
	return found, nil
}

// laneHeap has the lane with the first entity on top.
type laneHeap []*lanePages

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return strings.Compare(h[i].key, h[j].key) < 0 }
func (h laneHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *laneHeap) Push(x any) { *h = append(*h, x.(*lanePages)) }

// Pop implements heap.Interface.
func (h *laneHeap) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	*h = (*h)[:last]
	return popped
}
