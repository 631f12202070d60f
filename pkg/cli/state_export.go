package cli

import (
	"bufio"
	"container/heap"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const stateExportHelp = `
Prints a JSON line for each entity of a generation, the active one by default:
{"entity","state","count","position"}, and "parked" if an event of the entity
could not be applied: the state is then that before the event. The lines are
sorted by the bytes of the entity's id, where '#' and '%' stand as %23 and %25,
as keys carry them.

Two generations that fold the same events give the same lines, byte for byte.
Events that are applied meanwhile may or may not be in it.

Examples:
  reprise state export > state.jsonl
  reprise state export --generation g0002 | diff state.jsonl -
`

type stateExportFlags struct {
	*command.ClientFlags
	generation string
}

// exported is a line of an export.
type exported struct {
	Entity   string          `json:"entity"`
	State    json.RawMessage `json:"state"`
	Count    int64           `json:"count"`
	Position event.Position  `json:"position"`
	// Parked is set if an event could not be applied.
	Parked *datastore.Parked `json:"parked,omitempty"`
}

func stateExportCommand() command.Command {
	return command.Command{
		Name:    "state export",
		Summary: "print every entity's state, sorted",
		Help:    stateExportHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := &stateExportFlags{ClientFlags: a.ClientFlags(fs)}
			fs.StringVar(&f.generation, "generation", "", "`ID` of the generation (default: the active one)")
			return func(ctx context.Context, _ string) error { return f.run(ctx) }
		},
	}
}

func (f *stateExportFlags) run(ctx context.Context) error {
	meter := progress.New(f.App.Stderr, f.App.Now)
	defer meter.Done()
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return err
	}
	m, err := openMerge(ctx, c, f.generation)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f.App.Stdout)
	encoder := command.NewEncoder(out)
	parked := int64(0)
	for count := int64(1); ; count++ {
		next, err := m.next(ctx)
		if err != nil {
			return err
		}
		if next == nil {
			meter.Done()
			warnParked(f.App.Stderr, parked, "their states lack these events and later ones")
			return command.Flush(out)
		}
		if next.Parked != nil {
			parked++
		}
		if err := encoder.Encode(exported{next.Entity, next.State, next.Count, next.Position, next.Parked}); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		if count%1000 == 0 {
			meter.Show(progress.State{Label: "exporting", Fraction: -1, Detail: progress.Count(count) + " entities"})
		}
	}
}

const (
	// exportRows is about how many rows of all lanes a merge holds in memory;
	// minPage and maxPage bound the rows of one lane per request.
	exportRows       = 16_384
	minPage, maxPage = 16, 1000
	// firstPages bounds the concurrent requests for the first pages.
	firstPages = 4
)

// merge merges the sorted rows of a generation's lanes, holding a page of each in
// memory. One goroutine may use it.
type merge struct {
	client     *client.Client
	generation string
	limit      int
	lanes      laneHeap
}

// lanePages is a lane's rows, page by page.
type lanePages struct {
	lane event.Lane
	rows []api.EntityView
	// key is the first row's key; it sorts as in the store.
	key  string
	next string
}

func openMerge(ctx context.Context, c *client.Client, generation string) (*merge, error) {
	view, err := c.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	// The generation is fixed here, so that a promotion during the export does
	// not mix two generations.
	if generation == "" {
		generation = view.Generation
	}
	m := &merge{client: c, generation: generation, limit: min(max(exportRows/max(len(view.Lanes), 1), minPage), maxPage)}
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

func (m *merge) load(ctx context.Context, l *lanePages) error {
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

// next returns the next row of all lanes, nil at the end.
func (m *merge) next(ctx context.Context) (*api.EntityView, error) {
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
