package entities

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

const (
	defaultParked = 200
	maxParked     = 1000
	// parkedRead is how many rows are in memory at a time; their states may be
	// large.
	parkedRead = 64
	// maxParkedSeen and maxParkedLanes bound the rows that one page looks at, and
	// the lanes that it reads: few rows may match the reason, and most lanes have
	// no parked entity.
	maxParkedSeen  = 2000
	maxParkedLanes = 256
	// maxParkedCounted bounds the parked entities that one status counts, and
	// maxScanned the rows that it reads for that if the generation has no index.
	maxParkedCounted = 1000
	maxScanned       = 20_000
)

// ParkedPage is a part of a generation's parked entities, by lane, and within a
// lane like RowsPage.
type ParkedPage struct {
	Generation string         `json:"generation"`
	Parked     []ParkedEntity `json:"parked"`
	// Next is the parameter after of the next page, absent on the last. A page
	// that has a next one may be empty.
	Next string `json:"next,omitempty"`
}

// ParkedEntity is a parked entity and the event that could not be applied.
type ParkedEntity struct {
	Entity string     `json:"entity"`
	Lane   event.Lane `json:"lane"`
	// Position and Type are those of the event, and Reason is why it could not be
	// applied. Waiting is the number of later events that wait for it.
	Position event.Position `json:"position"`
	Type     string         `json:"type"`
	Reason   string         `json:"reason"`
	Waiting  int64          `json:"waiting"`
	// Count is the number of events applied before it, and Last the position of
	// the last event seen.
	Count int64          `json:"count"`
	Last  event.Position `json:"last"`
}

// parkedPlace is where a page of parked entities begins: after an entity of a
// lane, or at the lane's begin.
type parkedPlace struct {
	lane   event.Lane
	entity string
}

func (p parkedPlace) String() string {
	return web.WriteLanePlace(p.lane, web.EncodeEntity(p.entity))
}

func parkedPlaceOf(q *web.Query, name string, lanes int) (p parkedPlace) {
	p.lane = q.LanePlace(name, lanes, func(within string) (ok bool) {
		p.entity, ok = web.DecodeEntity(within)
		return ok
	})
	return p
}

// GetParked serves a page of the parked entities of a generation.
func (a *Entities) GetParked(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "generation", "reason", "after", "limit")
	after := parkedPlaceOf(q, "after", a.Lanes.Count())
	limit := q.Number("limit", defaultParked, 1, maxParked)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	info, err := a.generation(r.Context(), q.Text("generation"))
	if err != nil {
		return web.Reply{}, err
	}
	l := &parkedList{
		entities: a,
		info:     info,
		reason:   q.Text("reason"),
		limit:    limit,
		seen:     maxParkedSeen,
		lanes:    maxParkedLanes,
	}
	page, err := l.page(r.Context(), after)
	if err == nil && info.Consumes() {
		// Marks that still exist show that the rows existed when they were read.
		_, err = datastore.LiveMarks(r.Context(), a.Generations.Open(info.ID), a.Lanes.Count())
	}
	if datastore.IsGone(err) || (err == nil && info.Loss != nil) {
		return web.Reply{}, web.GenerationLost(info.ID)
	}
	return web.Answer(http.StatusOK, page), err
}

// parkedList lists the parked entities of a generation whose reason contains a
// text.
type parkedList struct {
	entities *Entities
	info     datastore.Info
	reason   string
	limit    int
	// seen and lanes are how many more rows and lanes may be read.
	seen, lanes int
}

// page reads the index of parked rows, or every row if the generation has none.
func (l *parkedList) page(ctx context.Context, at parkedPlace) (ParkedPage, error) {
	page := ParkedPage{Generation: l.info.ID, Parked: []ParkedEntity{}}
	for ; int(at.lane) < l.entities.Lanes.Count(); at = (parkedPlace{lane: at.lane + 1}) {
		next, err := l.lane(ctx, at, &page)
		if err != nil {
			return page, err
		}
		if next != (parkedPlace{}) {
			page.Next = next.String()
			return page, nil
		}
	}
	return page, nil
}

// lane adds the entities of one lane, and returns where the next page begins, the
// zero value if the lane was read to its end.
func (l *parkedList) lane(ctx context.Context, at parkedPlace, page *ParkedPage) (next parkedPlace, err error) {
	if l.lanes--; l.lanes < 0 {
		return at, nil
	}
	generation := l.entities.Generations.Open(l.info.ID)
	list := generation.Scan
	if l.info.Indexed {
		list = generation.Parked
	}
	for {
		rows, err := list(ctx, at.lane, at.entity, parkedRead)
		if err != nil {
			return next, fmt.Errorf("list parked rows of generation %s: %w", l.info.ID, err)
		}
		for i := range rows {
			if l.seen == 0 || len(page.Parked) == l.limit {
				return at, nil
			}
			l.seen--
			at.entity = rows[i].Entity
			if p := rows[i].Parked; p != nil && strings.Contains(p.Reason, l.reason) {
				page.Parked = append(page.Parked, viewParked(at.lane, &rows[i]))
			}
		}
		if !datastore.MoreRows(rows, parkedRead) {
			return next, nil
		}
	}
}

func viewParked(lane event.Lane, row *datastore.Row) ParkedEntity {
	return ParkedEntity{
		Entity:   row.Entity,
		Lane:     lane,
		Position: row.Parked.Position,
		Type:     row.Parked.Type,
		Reason:   row.Parked.Reason,
		Waiting:  row.Parked.Waiting,
		Count:    row.Count,
		Last:     row.Position,
	}
}

// CountParked counts parked entities of the active generation, up to a bound; 0 if
// no generation is active or the active one is lost.
func (a *Entities) CountParked(ctx context.Context) (Bounded, error) {
	registry, err := a.Registry.Load(ctx)
	if err != nil {
		return Bounded{}, err
	}
	active, found := registry.Find(registry.Active)
	if !found || active.Loss != nil {
		return Bounded{Complete: true}, nil
	}
	return a.CountParkedOf(ctx, *active)
}

// CountParkedOf counts parked entities of a generation, up to a bound; 0 if its table is
// gone.
func (a *Entities) CountParkedOf(ctx context.Context, info datastore.Info) (Bounded, error) {
	l := &parkedList{
		entities: a,
		info:     info,
		limit:    maxParkedCounted,
		seen:     maxScanned,
		lanes:    a.Lanes.Count(),
	}
	page, err := l.page(ctx, parkedPlace{})
	if err != nil && !datastore.IsGone(err) {
		return Bounded{}, err
	}
	return Bounded{Count: int64(len(page.Parked)), Complete: page.Next == ""}, nil
}
