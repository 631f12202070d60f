package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// The limits of a page.
const (
	// maxBuckets bounds the buckets that a page looks at.
	maxBuckets = 64
	// maxRead bounds the lines that a page reads, and maxShown those that it returns, up
	// to one read more. A Lambda response holds 6 MB.
	maxRead, maxShown = 8 << 20, 2 << 20
	// readEntries bounds the events of one read.
	readEntries = 4000
	// consistentFor is how long after the cut pages are read consistently, at twice the
	// price.
	consistentFor = time.Minute
)

// PageRequest asks for a page of a lane.
type PageRequest struct {
	Lane event.Lane `json:"lane"`
	// Cut is the position of the lane at the cut, which was taken at Taken.
	Cut   event.Position `json:"cut"`
	Taken time.Time      `json:"taken"`
	// After is the next of an earlier page, absent for the first.
	After *Place `json:"after,omitempty"`
	// Select is what to return of what is read: the members from, to, types, entities,
	// prefixes and attribute of a replay's input; absent means everything.
	Select json.RawMessage `json:"select,omitempty"`
}

// Place is where a page ends.
type Place struct {
	Bucket eventlog.Bucket `json:"bucket"`
	// Key is that of the last event that was read in the bucket, "" before the first.
	Key string `json:"key"`
}

// Page is a part of a lane up to a cut, bucket by bucket, and within a bucket entity by
// entity.
type Page struct {
	Lane    event.Lane `json:"lane"`
	Buckets []Bucket   `json:"buckets"`
	// Next is the member after of the next request, absent on the last page. A page that
	// has a next one may have no events.
	Next *Place `json:"next,omitempty"`
}

// Bucket is what a page has of a bucket.
type Bucket struct {
	Bucket eventlog.Bucket `json:"bucket"`
	// Read is what was read of it for this page, selected or not.
	Read replay.Sum `json:"read"`
	// Done is set if nothing of the bucket follows on the next page.
	Done bool `json:"done"`
	// Whole is what the bucket has in all, by its manifest. It is absent in the bucket in
	// which the cut lies, and if single entities are selected, of which only their own
	// events are read.
	Whole *replay.Sum `json:"whole,omitempty"`
	// Events are those selected, with the attributes repriseposition and repriselogged.
	Events []json.RawMessage `json:"events"`
}

// PostPage serves a page.
func (x *Extract) PostPage(r *http.Request) (web.Reply, error) {
	var asked PageRequest
	if err := web.DecodeBody(r, &asked); err != nil {
		return web.Reply{}, err
	}
	p, err := x.reader(&asked)
	if err != nil {
		return web.Reply{}, err
	}
	if err := p.read(r.Context()); err != nil {
		return web.Reply{}, err
	}
	return web.Answer(http.StatusOK, p.page), nil
}

// reader checks a request.
func (x *Extract) reader(asked *PageRequest) (*reader, error) {
	if asked.Lane < 0 || int(asked.Lane) >= x.Lanes.Count() {
		return nil, refuse("lane must be a number from 0 to %d", x.Lanes.Count()-1)
	}
	if _, err := event.ParsePosition(string(asked.Cut)); err != nil {
		return nil, refuse("cut must be the position of the lane in an answer of GET /log/cut")
	}
	p := &reader{x: x, asked: asked, page: Page{Lane: asked.Lane, Buckets: []Bucket{}}}
	if at := asked.After; at != nil {
		p.after = *at
		_, _, err := eventlog.Hour.Range(at.Bucket)
		if err == nil && at.Key != "" {
			_, _, err = event.ParseSortKey(at.Key)
		}
		if err != nil {
			return nil, refuse("after must be the next of an earlier page")
		}
	}
	if err := p.selectBy(asked.Select); err != nil {
		return nil, err
	}
	p.consistent = x.Now().Sub(asked.Taken) < consistentFor
	return p, nil
}

// selectBy reads the selection.
func (p *reader) selectBy(raw json.RawMessage) error {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	r, err := request.Parse(raw)
	if err != nil {
		return refuse("select: %s", strings.TrimPrefix(err.Error(), request.ErrInvalid.Error()+": "))
	}
	only := request.Request{From: r.From, To: r.To, Types: r.Types, Entities: r.Entities, Prefixes: r.Prefixes,
		Attribute: r.Attribute}
	if only, err = only.Normalized(); err != nil {
		return refuse("select: %s", strings.TrimPrefix(err.Error(), request.ErrInvalid.Error()+": "))
	}
	if !only.Same(r) {
		return refuse("select takes only from, to, types, entities, prefixes and attribute")
	}
	p.selection = r.Selection()
	p.from, p.to = replay.BucketRange(r, p.x.Width)
	if r.Scoped() {
		p.scopes = make([]string, 0, len(r.Entities))
		for _, entity := range r.Entities {
			if p.x.Lanes.Of(entity) == p.asked.Lane {
				p.scopes = append(p.scopes, entity)
			}
		}
		slices.SortFunc(p.scopes, func(a, b string) int {
			return strings.Compare(event.EscapeEntity(a)+"#", event.EscapeEntity(b)+"#")
		})
		p.scoped = true
	}
	return nil
}

func refuse(format string, args ...any) error {
	return web.NewProblem(http.StatusBadRequest, "malformed-body", "the body is invalid: "+fmt.Sprintf(format, args...))
}

// errFull ends a listing of buckets.
var errFull = errors.New("enough buckets")
