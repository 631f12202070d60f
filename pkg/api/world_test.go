package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/intake"
	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/meter"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// apiWorld is a platform without anything that runs by itself: flow pumps and
// applies what was accepted.
type apiWorld struct {
	t           testing.TB
	api         *api.API
	load        *intake.Load
	handler     http.Handler
	pump        *eventlog.Pump
	live        *projection.Live
	stream      feed.Stream
	generations datastore.Generations
	registry    datastore.Registry
	store       replay.Store
	replays     *fakeReplays
	platform    *fakePlatform
	logged      bytes.Buffer
	// read is how far flow has come in every shard.
	read map[string]string
}

const apiLanes = platformtest.Lanes

func newAPIWorld(t testing.TB) *apiWorld {
	t.Helper()
	return newAPIWorldWith(t, func(*platform.Parts) {})
}

// newAPIWorldWith makes a world of other parts.
func newAPIWorldWith(t testing.TB, change func(*platform.Parts)) *apiWorld {
	t.Helper()
	w := &apiWorld{t: t, read: map[string]string{}, platform: &fakePlatform{}}
	parts := platformtest.New(t).Parts
	parts.Status, parts.Lag, parts.Log = w.platform, nil, slog.New(slog.NewTextHandler(&w.logged, nil))
	parts.Sleep = func(context.Context, time.Duration) error { return errors.New("the log should cover all of it") }
	change(&parts)
	p := platform.New(parts)
	w.stream, w.generations, w.store = parts.Events, parts.Generations, p.Store()
	w.registry = datastore.Registry{Table: parts.Table, Now: time.Now}
	w.replays = &fakeReplays{store: w.store}
	w.pump, w.live, w.load, w.api = p.EventPump(), p.Live(), p.Load(true), p.API()
	w.api.Replays = w.replays
	w.api.Viewer.Recent = nil // these tests look again within a second
	w.handler = api.New(p.Load(false), w.load, w.api)
	_, err := w.registry.EnsureFirst(t.Context(), w.generations, apiLanes, parts.Applier.Version())
	must(t, err)
	return w
}

// send accepts events.
func (w *apiWorld) send(lines ...string) {
	w.t.Helper()
	response := w.ask(asked{route: intake.RouteImports,
		headers: map[string]string{"content-type": "application/cloudevents-batch+json"},
		body:    "[" + strings.Join(lines, ",") + "]"})
	if response.StatusCode != http.StatusAccepted {
		w.t.Fatalf("send: %d %s", response.StatusCode, response.Body)
	}
}

// commit pumps everything that was accepted into the log.
func (w *apiWorld) commit() { w.carry(false) }

// flow pumps everything that was accepted into the log, and applies it.
func (w *apiWorld) flow() { w.carry(true) }

func (w *apiWorld) carry(apply bool) {
	w.t.Helper()
	ctx := w.t.Context()
	shards, err := w.stream.Shards(ctx)
	must(w.t, err)
	for _, shard := range shards {
		at, err := w.stream.Iterator(ctx, shard.ID, feed.Start{After: w.read[shard.ID]})
		must(w.t, err)
		batch, err := w.stream.Read(ctx, at, feed.MaxReadRecords)
		must(w.t, err)
		for _, r := range batch.Records {
			lane, err := w.api.Lanes.ParseKey(r.Key)
			must(w.t, err)
			in := []eventlog.Incoming{{Sequence: r.Sequence, Arrival: r.Arrival.UnixMilli(), Data: r.Data}}
			_, err = w.pump.Commit(ctx, lane, in)
			must(w.t, err)
			if !apply {
				continue
			}
			_, err = w.live.Write(ctx, "g0001", lane, in)
			must(w.t, err)
			w.read[shard.ID] = r.Sequence
		}
	}
}

// asked is a request to any route, "" for /. If id is "", {id} stays in the path.
type asked struct {
	route, id, query, body string
	headers                map[string]string
}

// request makes a request to the server at an address.
func (a asked) request(ctx context.Context, address string) *http.Request {
	method, path, _ := strings.Cut(a.route, " ")
	if a.id != "" {
		path = strings.Replace(path, "{id}", url.PathEscape(a.id), 1)
	}
	target := address + cmp.Or(path, "/")
	if a.query != "" {
		target += "?" + a.query
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(a.body))
	if err != nil {
		panic(err)
	}
	for name, value := range a.headers {
		req.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return req
}

// response is the answer to a request.
type response struct {
	StatusCode int
	Headers    map[string]string
	Body       string
}

// answeredBy returns a handler's answer.
func answeredBy(h http.Handler, req *http.Request) response {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, req)
	got := response{recorder.Code, make(map[string]string), recorder.Body.String()}
	for name := range recorder.Header() {
		got.Headers[name] = recorder.Header().Get(name)
	}
	return got
}

func (w *apiWorld) ask(a asked) response {
	return answeredBy(w.handler, a.request(w.t.Context(), "http://localhost"))
}

// call calls a route and compares the answer with openapi.yaml.
func (w *apiWorld) call(routeKey, id string, query map[string]string, body string) response {
	w.t.Helper()
	a := asked{route: routeKey, id: id, body: body}
	values := url.Values{}
	for name, value := range query {
		values.Set(name, value)
	}
	a.query = values.Encode()
	if body != "" {
		a.headers = map[string]string{"content-type": "application/json"}
	}
	got := w.ask(a)
	checkResponse(w.t, routeKey, got)
	return got
}

// get calls a route and decodes its answer, which must be 200.
func get[T any](w *apiWorld, routeKey, id string, query map[string]string) T {
	w.t.Helper()
	response := w.call(routeKey, id, query, "")
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", routeKey, id, response.StatusCode, response.Body)
	}
	return decode[T](w.t, response.Body)
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var value T
	must(t, json.Unmarshal([]byte(text), &value))
	return value
}

// deposits are events of one account, from its opening on.
func deposits(entity string, from, to int) []string {
	var lines []string
	for i := from; i < to; i++ {
		kind, data := "account.deposited", `{"amount":1}`
		if i == 0 {
			kind, data = "account.opened", `{"owner":"<b>&"}`
		}
		subject, err := json.Marshal(entity)
		if err != nil {
			panic(err)
		}
		lines = append(lines, fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"/test","type":%q,"subject":%s,"time":"2026-03-01T%02d:00:00Z","data":%s}`,
			i, kind, subject, i%24, data))
	}
	return lines
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fakeReplays records replays but does not run them.
type fakeReplays struct {
	store replay.Store
	err   error
}

func (f *fakeReplays) Start(ctx context.Context, name string, r replay.Request) (replay.Row, bool, error) {
	if f.err != nil {
		return replay.Row{}, false, f.err
	}
	if name == "" {
		name = "chosen"
	}
	return f.store.Create(ctx, name, r)
}

func (f *fakeReplays) SetBudget(ctx context.Context, id string, limit request.Budget) (replay.Row, error) {
	return f.store.SetBudget(ctx, id, limit, meter.Usage{})
}

func (f *fakeReplays) SetRate(ctx context.Context, id string, rate int) (replay.Row, error) {
	return f.store.SetRate(ctx, id, rate)
}

func (f *fakeReplays) SetParallelism(ctx context.Context, id string, n int) (replay.Row, error) {
	return f.store.SetParallelism(ctx, id, n)
}

func (f *fakeReplays) Cancel(ctx context.Context, id string) (replay.Row, error) {
	row, err := f.store.Load(ctx, id)
	if err != nil {
		return row, err
	}
	if row.Status.Ended() {
		return row, replay.ErrEnded
	}
	row, _, err = f.store.End(ctx, id, replay.Cancelled, nil, nil)
	return row, err
}

func (f *fakeReplays) Pause(ctx context.Context, id string) (replay.Row, error) {
	row, _, err := f.store.RequestPause(ctx, id)
	return row, err
}

func (f *fakeReplays) Continue(ctx context.Context, id string) (replay.Row, error) {
	return f.store.Continue(ctx, id, "")
}

func (f *fakeReplays) Resume(ctx context.Context, id string) (replay.Row, error) {
	row, _, err := f.store.Resume(ctx, id)
	return row, err
}

// fakePlatform has one stream and one consumer.
type fakePlatform struct {
	err     error
	storage *api.StorageStatus
}

func (f *fakePlatform) Streams(context.Context) ([]api.StreamStatus, error) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return []api.StreamStatus{{Name: "events", Shards: 2, Newest: &at}, {Name: "playback", Shards: 1}}, f.err
}

func (f *fakePlatform) Consumers(context.Context) ([]api.ConsumerStatus, error) {
	n := int64(3)
	return []api.ConsumerStatus{{Name: "pump", Stream: "events", BehindRecords: &n}}, f.err
}

func (f *fakePlatform) Running(context.Context) ([]api.ExecutionStatus, error) {
	return nil, f.err
}

func (f *fakePlatform) Storage(context.Context) (*api.StorageStatus, error) { return f.storage, f.err }

func (f *fakePlatform) DiskBytes(context.Context) (*int64, error) { return nil, f.err }
