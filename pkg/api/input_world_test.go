package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/cli/send"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/local/emulate"
	"reprise/pkg/local/pebbletest"
)

// edgeNow is the time at which every event of these tests arrives.
var edgeNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// edge has every way in for events.
type edge struct {
	t       testing.TB
	codec   *record.Codec
	lanes   *event.Lanes
	decoder *eventlog.Decoder
	// put is what reached the stream.
	put     [][]byte
	handler http.Handler
}

// stream records what is put.
type stream struct {
	feed.Stream
	into *[][]byte
}

func (s stream) Put(_ context.Context, _ string, data []byte) (string, error) {
	*s.into = append(*s.into, data)
	return "1", nil
}

func newEdge(t testing.TB) *edge {
	t.Helper()
	codec, err := record.NewCodec()
	must(t, err)
	t.Cleanup(codec.Close)
	lanes, err := event.NewLanes(1)
	must(t, err)
	e := &edge{t: t, codec: codec, lanes: lanes,
		decoder: &eventlog.Decoder{Codec: codec, Lanes: lanes, Epoch: 1}}
	table := pebbletest.Open(t).Table
	load := func(keepTime bool) *intake.Load {
		return &intake.Load{
			Stream:   stream{into: &e.put},
			Codec:    codec,
			Lanes:    lanes,
			Epoch:    1,
			KeepTime: keepTime,
			Heads:    eventlog.Heads{Table: table},
			Width:    eventlog.Hour,
			Now:      func() time.Time { return edgeNow },
			Log:      slog.New(slog.DiscardHandler),
		}
	}
	e.handler = api.New(load(false), load(true), &api.API{})
	return e
}

// sent is a request of any mode.
type sent struct {
	headers map[string]string
	body    string
}

// viaHTTP sends a request to the platform on one machine, viaLambda to the function as
// API Gateway does: as a JSON event in which most bodies are base64.
func viaHTTP(e *edge, route string, s sent) (status int, body string) {
	handler := emulate.Server(e.handler, nil, slog.New(slog.DiscardHandler)).Handler
	got := answeredBy(handler, asked{route: route, headers: s.headers, body: s.body}.request(e.t.Context(),
		"http://localhost"))
	return got.StatusCode, got.Body
}

func viaLambda(e *edge, route string, s sent) (status int, body string) {
	answer, err := lambdahttp.Serve(e.handler)(e.t.Context(),
		asLambdaGets(e.t, events.APIGatewayV2HTTPRequest{RouteKey: route,
			Headers: s.headers, Body: base64.StdEncoding.EncodeToString([]byte(s.body)), IsBase64Encoded: true}))
	must(e.t, err)
	return answer.StatusCode, answer.Body
}

// asLambdaGets is an event after it was encoded as JSON and decoded.
func asLambdaGets(t testing.TB, req events.APIGatewayV2HTTPRequest) (got events.APIGatewayV2HTTPRequest) {
	t.Helper()
	raw, err := json.Marshal(req)
	must(t, err)
	must(t, json.Unmarshal(raw, &got))
	return got
}

// verdict is the result for an event: its line, or the attribute that its refusal
// names, if any.
type verdict struct {
	accepted bool
	line     string
	fault    string
}

func (v verdict) String() string {
	if v.accepted {
		return "accepted as " + v.line
	}
	return fmt.Sprintf("refused for %q", v.fault)
}

// answered reads an answer. A refusal must be 400 and must have put nothing.
func (e *edge) answered(status int, body string) verdict {
	e.t.Helper()
	put := e.put
	e.put = nil
	if status == http.StatusAccepted {
		_, lines, err := e.codec.Unpack(put[len(put)-1])
		must(e.t, err)
		return verdict{accepted: true, line: string(lines[len(lines)-1])}
	}
	problem := decode[web.Problem](e.t, body)
	if status != http.StatusBadRequest || len(put) > 0 {
		e.t.Errorf("answer %d %s, %d records put", status, body, len(put))
	}
	return verdict{fault: problem.Attribute}
}

// way is one way in.
type way struct {
	name string
	// imports is set if the event's own time counts as its arrival, log if the event is
	// already in the stream.
	imports, log bool
	// take returns the verdict on an event, not ok if the event cannot take this way.
	take func(e *edge, c inputCase) (v verdict, ok bool)
}

func ways() []way {
	var all []way
	for name, ask := range map[string]func(*edge, string, sent) (int, string){"HTTP": viaHTTP, "Lambda": viaLambda} {
		for _, route := range []string{intake.RouteEvents, intake.RouteImports} {
			for mode, build := range modes {
				all = append(all, way{name: name + ", " + route + ", " + mode, imports: route == intake.RouteImports,
					take: func(e *edge, c inputCase) (verdict, bool) {
						request, ok := build(c)
						if !ok {
							return verdict{}, false
						}
						return e.answered(ask(e, route, request)), true
					}})
			}
		}
	}
	for _, keep := range []bool{false, true} {
		all = append(all,
			way{name: fmt.Sprint("record, kept time ", keep), imports: keep, log: true,
				take: func(e *edge, c inputCase) (verdict, bool) { return e.decode(c, keep) }},
			way{name: fmt.Sprint("reprise send, kept time ", keep), imports: keep,
				take: func(e *edge, c inputCase) (verdict, bool) { return e.send(c, keep) }})
	}
	slices.SortFunc(all, func(a, b way) int { return strings.Compare(a.name, b.name) })
	return all
}

const goodEvent = `{"specversion":"1.0","id":"0","source":"/s","type":"t","subject":"e","time":"2026-03-01T00:00:00Z"}`

// modes are the content modes of HTTP.
var modes = map[string]func(c inputCase) (sent, bool){
	"structured": func(c inputCase) (sent, bool) {
		return sent{map[string]string{"content-type": "application/cloudevents+json"}, c.text}, c.text != ""
	},
	"batch of one": func(c inputCase) (sent, bool) {
		return sent{map[string]string{"content-type": "application/cloudevents-batch+json"}, "[" + c.text + "]"}, c.text != ""
	},
	"last of a batch": func(c inputCase) (sent, bool) {
		return sent{map[string]string{"content-type": "application/cloudevents-batch+json; charset=UTF-8"},
			"[" + goodEvent + ",\n" + c.text + "]"}, c.text != ""
	},
	"binary": func(c inputCase) (sent, bool) { return sent{maps.Clone(c.headers), c.body}, c.headers != nil },
}

// decode returns the verdict of the code that reads records.
func (e *edge) decode(c inputCase, keep bool) (verdict, bool) {
	if c.text == "" || strings.Contains(c.text, "\n") {
		return verdict{}, false
	}
	data, err := e.codec.Pack(record.Header{KeepTime: keep}, [][]byte{[]byte(c.text)})
	must(e.t, err)
	decoded, err := e.decoder.Decode(0, eventlog.Incoming{Sequence: "1", Arrival: edgeNow.UnixMilli(), Data: data})
	if err == nil {
		return verdict{accepted: true, line: string(decoded.Events[0].Line)}, true
	}
	bad, named := errors.AsType[*event.Invalid](err)
	if _, undecodable := errors.AsType[*eventlog.Undecodable](err); !undecodable || !named {
		e.t.Errorf("decode: %v", err)
		return verdict{}, true
	}
	return verdict{fault: bad.Attribute}, true
}

// poster passes the batches of reprise send to the API.
type poster struct{ edge *edge }

func (p poster) Send(_ context.Context, batch []byte, keepTime bool) (intake.Accepted, error) {
	route := map[bool]string{false: intake.RouteEvents, true: intake.RouteImports}[keepTime]
	status, body := viaHTTP(p.edge, route, sent{map[string]string{"content-type": "application/cloudevents-batch+json"},
		string(batch)})
	if status == http.StatusAccepted {
		return decode[intake.Accepted](p.edge.t, body), nil
	}
	problem := decode[web.Problem](p.edge.t, body)
	return intake.Accepted{}, &problem
}

// send returns the verdict of reprise send, whose check of a file must find everything
// that the server would refuse.
func (e *edge) send(c inputCase, keep bool) (verdict, bool) {
	if c.text == "" || strings.Contains(c.text, "\n") {
		return verdict{}, false
	}
	_, looked, err := send.Check(e.t.Context(), strings.NewReader(c.text), keep, edgeNow)
	must(e.t, err)
	result, err := send.Send(e.t.Context(), strings.NewReader(c.text),
		send.Options{To: poster{e}, KeepTime: keep, Now: func() time.Time { return edgeNow }})
	if (err == nil) != (len(looked) == 0) || !slices.Equal(looked, result.Refused) {
		e.t.Errorf("checking the file gives %v, sending it gives %v, %v", looked, result.Refused, err)
	}
	if err == nil {
		return e.answered(http.StatusAccepted, ""), true
	}
	return verdict{fault: result.Refused[0].Attribute}, true
}
