package past

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

const (
	defaultAudited = 500
	maxAudited     = 1000
)

// Audit is a part of the events of all entities that a filter selects: lane by lane, in
// each bucket by bucket, in each entity by entity, and of each in the order of the log.
type Audit struct {
	Events []Audited `json:"events"`
	// Lanes is the number of lanes, of which Done are read whole, and Read the number of
	// events that the page has looked at.
	Lanes int   `json:"lanes"`
	Done  int   `json:"done"`
	Read  int64 `json:"read"`
	// Next is the parameter after of the next page, absent on the last. A page that has
	// a next one may be empty.
	Next string `json:"next,omitempty"`
}

// Audited is an event of the log, without its data.
type Audited struct {
	Entity   string         `json:"entity"`
	Lane     event.Lane     `json:"lane"`
	Position event.Position `json:"position"`
	Logged   time.Time      `json:"logged"`
	ID       string         `json:"id"`
	Source   string         `json:"source"`
	Type     string         `json:"type"`
	Causes
}

// Audit serves a page of the events in a time range that have an attribute, by the
// matching by which replays select.
func (a *Past) Audit(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "correlation", "actor", "from", "to", "type", "prefix", "after", "limit")
	asked := auditRequest(q)
	limit := q.Number("limit", defaultAudited, 1, maxAudited)
	at := scanPlaceOf(q, "after", a.Lanes.Count())
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	normal, err := asked.Normalized()
	if err != nil {
		return web.Reply{}, invalid(err)
	}
	a.looked(r, "audit", slog.String("correlation", q.Text("correlation")), slog.String("actor", q.Text("actor")),
		slog.String("from", q.Text("from")), slog.String("to", q.Text("to")), slog.String("type", q.Text("type")),
		slog.String("prefix", q.Text("prefix")), slog.String("after", q.Text("after")))
	s := newScan(a, normal, at, limit)
	if err := s.run(r.Context()); err != nil {
		return web.Reply{}, err
	}
	return web.Answer(http.StatusOK, s.page), nil
}

// auditRequest reads the filter.
func auditRequest(q *web.Query) (asked request.Request) {
	correlation, actor := q.Text("correlation"), q.Text("actor")
	switch {
	case (correlation == "") == (actor == ""):
		q.Fail(web.BadParameter("correlation", "or actor is required, and only one of them"))
	case correlation != "":
		asked.Attribute = attribute(q, "correlation", CorrelationAttribute, correlation)
	default:
		asked.Attribute = attribute(q, "actor", ActorAttribute, actor)
	}
	if asked.From = timeParameter(q, "from"); asked.From == nil {
		q.Fail(web.BadParameter("from", "is required: a time such as 2026-03-01T09:30:00Z"))
	}
	asked.To = timeParameter(q, "to")
	if asked.To != nil && asked.From != nil && !asked.From.Before(*asked.To) {
		q.Fail(web.BadParameter("to", "must be after from"))
	}
	if kind := q.Text("type"); kind != "" {
		asked.Types = []string{kind}
		possible(q, "type", event.CheckType(kind))
	}
	if prefix := q.Text("prefix"); prefix != "" {
		asked.Prefixes = []string{prefix}
		possible(q, "prefix", event.CheckSubject(prefix))
	}
	return asked
}

func attribute(q *web.Query, parameter, name, value string) *request.Attribute {
	possible(q, parameter, event.CheckExtension(name, value))
	return &request.Attribute{Name: name, Value: value}
}

// possible refuses what no event can have.
func possible(q *web.Query, parameter string, err error) {
	var wrong *event.Invalid
	if errors.As(err, &wrong) {
		q.Fail(web.BadParameter(parameter, "is nothing that an event can have: it %s", wrong.Problem))
	}
}

func timeParameter(q *web.Query, name string) *time.Time {
	text := q.Text(name)
	if text == "" {
		return nil
	}
	at, err := request.ParseTime(text)
	if err != nil {
		q.Fail(web.BadParameter(name, "must be a time such as 2026-03-01T09:30:00Z"))
		return nil
	}
	return &at
}

func invalid(err error) error {
	if !errors.Is(err, request.ErrInvalid) {
		return err
	}
	_, text, _ := strings.Cut(err.Error(), request.ErrInvalid.Error()+": ")
	return web.NewProblem(http.StatusBadRequest, "invalid-parameter", "parameter "+text)
}

// scanPlace is where a page of an audit begins: in a lane, at a bucket, after a sort key;
// "" for their beginnings.
type scanPlace struct {
	lane   event.Lane
	bucket eventlog.Bucket
	after  string
}

const placeSeparator = "_"

func (p scanPlace) String() string {
	within := string(p.bucket)
	if p.after != "" {
		within += placeSeparator + base64.RawURLEncoding.EncodeToString([]byte(p.after))
	}
	return web.WriteLanePlace(p.lane, within)
}

func scanPlaceOf(q *web.Query, name string, lanes int) (p scanPlace) {
	p.lane = q.LanePlace(name, lanes, func(within string) bool {
		bucket, key, _ := strings.Cut(within, placeSeparator)
		raw, err := base64.RawURLEncoding.Strict().DecodeString(key)
		p.bucket, p.after = eventlog.Bucket(bucket), string(raw)
		_, _, noBucket := eventlog.Hour.Range(p.bucket)
		return err == nil && noBucket == nil && eventlog.CheckRead(p.bucket, p.after) == nil
	})
	return p
}
