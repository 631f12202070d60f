package entities

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	defaultQuarantine = 200
	maxQuarantine     = 1000
	// quarantineRead is how many records, of up to 2 MiB, are in memory at a time.
	quarantineRead = 16
	// maxQuarantineLanes bounds the lanes that one page reads: most have no
	// quarantined record.
	maxQuarantineLanes = 256
	// maxQuarantined bounds the quarantined records that one status counts.
	maxQuarantined = 1000
)

// QuarantinePage is a part of the quarantined records, by lane and position. Records
// that belong to no lane are listed in the first one.
type QuarantinePage struct {
	Records []QuarantinedRecord `json:"records"`
	// Next is the parameter after of the next page, absent on the last. A page
	// that has a next one may be empty.
	Next string `json:"next,omitempty"`
}

// QuarantinedRecord is a record that was set aside, without its contents.
type QuarantinedRecord struct {
	Lane     event.Lane     `json:"lane"`
	Position event.Position `json:"position"`
	// Reason is "undecodable" or "late".
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail"`
	Arrival time.Time `json:"arrival"`
	Bytes   int       `json:"bytes"`
}

// quarantinePlace is where a page begins: after a position of a lane.
type quarantinePlace struct {
	lane     event.Lane
	position event.Position
}

func (p quarantinePlace) String() string {
	return web.WriteLanePlace(p.lane, string(p.position))
}

func quarantinePlaceOf(q *web.Query, name string, lanes int) (p quarantinePlace) {
	p.lane = q.LanePlace(name, lanes, func(within string) bool {
		var err error
		p.position, err = event.ParsePosition(within)
		return err == nil
	})
	return p
}

// GetQuarantine serves a page of the quarantined records.
func (a *Entities) GetQuarantine(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "after", "limit")
	after := quarantinePlaceOf(q, "after", a.Lanes.Count())
	limit := q.Number("limit", defaultQuarantine, 1, maxQuarantine)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	page := QuarantinePage{Records: []QuarantinedRecord{}}
	add := func(lane event.Lane, record *eventlog.Quarantined) bool {
		if len(page.Records) == limit {
			return false
		}
		page.Records = append(page.Records, QuarantinedRecord{
			Lane:     lane,
			Position: record.Position,
			Reason:   record.Reason,
			Detail:   record.Detail,
			Arrival:  time.UnixMilli(record.Arrival).UTC(),
			Bytes:    len(record.Data),
		})
		return true
	}
	next, err := a.eachQuarantined(r.Context(), after, maxQuarantineLanes, add)
	page.Next = next
	return web.Answer(http.StatusOK, page), err
}

// eachQuarantined calls visit for quarantined records until it returns false, and
// reads at most a number of lanes. It returns where to go on, "" at the end.
func (a *Entities) eachQuarantined(
	ctx context.Context, at quarantinePlace, lanes int, visit func(event.Lane, *eventlog.Quarantined) bool,
) (next string, err error) {
	for ; int(at.lane) < a.Lanes.Count(); at = (quarantinePlace{lane: at.lane + 1}) {
		if lanes--; lanes < 0 {
			return at.String(), nil
		}
		for {
			records, err := a.EventLog.ListQuarantine(ctx, at.lane, at.position, quarantineRead)
			if err != nil {
				return "", fmt.Errorf("list quarantine: %w", err)
			}
			for i := range records {
				if !visit(at.lane, &records[i]) {
					return at.String(), nil
				}
				at.position = records[i].Position
			}
			if len(records) < quarantineRead {
				break
			}
		}
	}
	return "", nil
}

// CountQuarantined counts quarantined records, up to a bound.
func (a *Entities) CountQuarantined(ctx context.Context) (counted Bounded, err error) {
	count := func(event.Lane, *eventlog.Quarantined) bool {
		if counted.Count == maxQuarantined {
			return false
		}
		counted.Count++
		return true
	}
	next, err := a.eachQuarantined(ctx, quarantinePlace{}, a.Lanes.Count(), count)
	counted.Complete = next == ""
	return counted, err
}
