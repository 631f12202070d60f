package past

import (
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

// moment is a place in the history of an entity: up to and with a position, or up to and
// with a logged time. The zero moment is the end of the log.
type moment struct {
	position event.Position
	timed    bool
	// logged is in milliseconds since 1970, as logged times are: a part of a millisecond
	// is cut off, which leaves out no event.
	logged int64
}

// momentOf reads a position, or a time in RFC 3339; absent is the end of the log.
func momentOf(q *web.Query, name string) moment {
	text := q.Text(name)
	if text == "" {
		return moment{}
	}
	if _, err := event.ParsePosition(text); err == nil {
		return moment{position: event.Position(text)}
	}
	limit, err := request.ParseTime(text)
	if err != nil || limit.UnixMilli() <= 0 {
		q.Fail(web.BadParameter(name, "must be a position, or a time such as 2026-03-01T09:30:00Z"))
		return moment{}
	}
	return moment{timed: true, logged: limit.UnixMilli()}
}

// covers reports whether an event at a position, with a logged time, is up to there.
func (m moment) covers(at event.Position, logged int64) bool {
	if m.timed {
		return logged <= m.logged
	}
	return m.position == "" || at <= m.position
}

// settled reports whether no event can be logged up to there any more, since the lane's
// log has passed it.
func (m moment) settled(head *eventlog.Head) bool {
	if m.timed {
		return head.Logged > m.logged
	}
	return m.position != ""
}

// check returns a problem for a position that the log has not reached.
func (m moment) check(head *eventlog.Head) error {
	if m.position <= head.Position {
		return nil
	}
	return web.NewProblem(http.StatusNotFound, "beyond-the-log",
		"the log of the entity's lane ends before that position. "+
			"An event accepted a moment ago may not be there yet: try again shortly")
}
