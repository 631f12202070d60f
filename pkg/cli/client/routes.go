package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, call{method: http.MethodGet, path: path}, into)
}

func (c *Client) post(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.do(ctx, call{method: http.MethodPost, path: path, body: raw,
		header: http.Header{"Content-Type": {"application/json"}}}, into)
}

// Send posts a JSON array of events; keepTime imports it, with each event's own
// time as its arrival. The answer does not list single events. A retry may put an
// event into the log twice; the second is a duplicate, which is never applied.
func (c *Client) Send(ctx context.Context, batch []byte, keepTime bool) (intake.Accepted, error) {
	path, header := "/events", http.Header{
		"Content-Type": {"application/cloudevents-batch+json"}, "Prefer": {"return=minimal"}}
	if keepTime {
		path, header = "/imports", c.importing(header)
	}
	var accepted intake.Accepted
	err := c.do(ctx, call{method: http.MethodPost, path: path, body: batch, header: header}, &accepted)
	return accepted, err
}

func entityPath(id string) string { return "/entities/" + web.EncodeEntity(id) }

// Entity returns an entity's row in the active generation.
func (c *Client) Entity(ctx context.Context, id string) (entities.View, error) {
	var view entities.View
	err := c.get(ctx, entityPath(id), nil, &view)
	return view, err
}

// History returns a page of an entity's events: the one after the page that
// returned after as Next, or the first for "".
func (c *Client) History(ctx context.Context, id, after string, limit int) (entities.HistoryPage, error) {
	var page entities.HistoryPage
	err := c.get(ctx, entityPath(id)+"/events", paging(after, limit), &page)
	return page, err
}

func paging(after string, limit int) url.Values {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	return query
}

// Rows returns a page of a lane of a generation.
func (c *Client) Rows(
	ctx context.Context,
	generation string,
	lane event.Lane,
	after string,
	limit int,
) (entities.RowsPage, error) {
	query := paging(after, limit)
	query.Set("generation", generation)
	query.Set("lane", strconv.Itoa(int(lane)))
	var page entities.RowsPage
	err := c.get(ctx, "/rows", query, &page)
	return page, err
}

// Parked returns a page of a generation's parked entities whose reason contains a
// text; "" for the active generation, and for every reason.
func (c *Client) Parked(ctx context.Context, generation, reason, after string) (entities.ParkedPage, error) {
	query := url.Values{}
	for name, value := range map[string]string{"generation": generation, "reason": reason, "after": after} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var page entities.ParkedPage
	err := c.get(ctx, "/parked", query, &page)
	return page, err
}

// Skip appends a correction that steps over the event at which an entity is parked.
func (c *Client) Skip(ctx context.Context, entity string, request entities.SkipRequest) (entities.Skipping, error) {
	var made entities.Skipping
	err := c.post(ctx, entityPath(entity)+"/skip", request, &made)
	return made, err
}

// Quarantine returns a page of the quarantined records.
func (c *Client) Quarantine(ctx context.Context, after string) (entities.QuarantinePage, error) {
	var page entities.QuarantinePage
	err := c.get(ctx, "/quarantine", paging(after, 1000), &page)
	return page, err
}

// Playback returns a page of a shard of the playback stream: the one after the page
// that returned after as Next, or the first for "", with the events of one replay, or
// of all for "". fromNow leaves out what is already in the stream.
func (c *Client) Playback(
	ctx context.Context, shard int, replay, after string, fromNow bool,
) (api.PlaybackPage, error) {
	query := url.Values{"shard": {strconv.Itoa(shard)}}
	if replay != "" {
		query.Set("replay", replay)
	}
	if after != "" {
		query.Set("after", after)
	} else if fromNow {
		query.Set("from", "now")
	}
	var page api.PlaybackPage
	err := c.get(ctx, "/playback", query, &page)
	return page, err
}

// Lanes returns the progress of every lane.
func (c *Client) Lanes(ctx context.Context) (api.LanesView, error) {
	var view api.LanesView
	err := c.get(ctx, "/lanes", nil, &view)
	return view, err
}

// Status returns the state of the platform.
func (c *Client) Status(ctx context.Context) (api.StatusView, error) {
	var view api.StatusView
	err := c.get(ctx, "/status", nil, &view)
	return view, err
}

// Generations lists the generations.
func (c *Client) Generations(ctx context.Context) (api.GenerationsView, error) {
	var view api.GenerationsView
	err := c.get(ctx, "/generations", nil, &view)
	return view, err
}

// Replays calls visit for every replay, ascending by id.
func (c *Client) Replays(ctx context.Context, visit func(lifecycle.View) error) error {
	const limit = 200
	after := ""
	for {
		var page api.ReplaysPage
		if err := c.get(ctx, "/replays", paging(after, limit), &page); err != nil {
			return err
		}
		for _, view := range page.Replays {
			if err := visit(view); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

func replayPath(id string) string { return "/replays/" + url.PathEscape(id) }

// Replay returns a replay with its progress.
func (c *Client) Replay(ctx context.Context, id string) (lifecycle.View, error) {
	var view lifecycle.View
	err := c.get(ctx, replayPath(id), nil, &view)
	return view, err
}

// ReplayProgress returns the progress of a replay by lane group.
func (c *Client) ReplayProgress(ctx context.Context, id string) (lifecycle.Detail, error) {
	var detail lifecycle.Detail
	err := c.get(ctx, replayPath(id)+"/progress", nil, &detail)
	return detail, err
}

// StartReplay starts a replay. It needs a name, so that a retry cannot start a
// second replay.
func (c *Client) StartReplay(ctx context.Context, name string, input replay.Request) (lifecycle.View, error) {
	raw, err := json.Marshal(input)
	if err != nil {
		return lifecycle.View{}, fmt.Errorf("encode request: %w", err)
	}
	var view lifecycle.View
	err = c.post(ctx, "/replays", api.StartReplay{Name: name, Input: raw}, &view)
	return view, err
}

// PlanReplay returns what a replay would do, and starts nothing. A name may be "".
func (c *Client) PlanReplay(ctx context.Context, name string, input replay.Request) (forecast.Plan, error) {
	raw, err := json.Marshal(input)
	if err != nil {
		return forecast.Plan{}, fmt.Errorf("encode request: %w", err)
	}
	var plan forecast.Plan
	err = c.post(ctx, "/plans", api.StartReplay{Name: name, Input: raw}, &plan)
	return plan, err
}

// CancelReplay cancels a replay.
func (c *Client) CancelReplay(ctx context.Context, id string) (lifecycle.View, error) {
	return c.steer(ctx, id, "cancel", struct{}{})
}

// PauseReplay pauses a replay.
func (c *Client) PauseReplay(ctx context.Context, id string) (lifecycle.View, error) {
	return c.steer(ctx, id, "pause", struct{}{})
}

// SetReplayRate sets the limit of a replay in events per second, 0 for no limit.
func (c *Client) SetReplayRate(ctx context.Context, id string, rate int) (lifecycle.View, error) {
	return c.steer(ctx, id, "rate", api.SetRate{Rate: &rate})
}

// SetReplayBudget sets what a replay may use; the zero Budget is no budget.
func (c *Client) SetReplayBudget(ctx context.Context, id string, budget request.Budget) (lifecycle.View, error) {
	raw := json.RawMessage("null")
	if !budget.None() {
		var err error
		if raw, err = json.Marshal(budget); err != nil {
			return lifecycle.View{}, fmt.Errorf("encode budget: %w", err)
		}
	}
	return c.steer(ctx, id, "budget", api.SetBudget{Budget: raw})
}

// SetReplayParallelism sets how many segment readers of a replay run at a time.
func (c *Client) SetReplayParallelism(ctx context.Context, id string, n int) (lifecycle.View, error) {
	return c.steer(ctx, id, "parallelism", api.SetParallelism{Parallelism: &n})
}

// steer does something with a replay and returns it.
func (c *Client) steer(ctx context.Context, id, action string, body any) (lifecycle.View, error) {
	var view lifecycle.View
	err := c.post(ctx, replayPath(id)+"/"+action, body, &view)
	return view, err
}

// ResumeReplay lets a paused replay go on.
func (c *Client) ResumeReplay(ctx context.Context, id string) (lifecycle.View, error) {
	return c.steer(ctx, id, "resume", struct{}{})
}

// ContinueReplay lets a failed replay go on.
func (c *Client) ContinueReplay(ctx context.Context, id string) (lifecycle.View, error) {
	return c.steer(ctx, id, "continue", struct{}{})
}

// Wipe empties a generation, which must be the active one.
func (c *Client) Wipe(ctx context.Context, generation string) (api.Wiped, error) {
	var wiped api.Wiped
	err := c.post(ctx, "/state/wipe", api.WipeRequest{Generation: generation}, &wiped)
	return wiped, err
}

// EachParked calls visit for every page of a generation's parked entities. The
// generation is fixed by the first page.
func (c *Client) EachParked(
	ctx context.Context, generation, reason string, visit func([]entities.ParkedEntity) error,
) error {
	for after := ""; ; {
		page, err := c.Parked(ctx, generation, reason, after)
		if err != nil {
			return err
		}
		if err := visit(page.Parked); err != nil {
			return err
		}
		if generation, after = page.Generation, page.Next; after == "" {
			return nil
		}
	}
}
