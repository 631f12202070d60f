package lambdahttp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api/intake"
	"reprise/pkg/event"
)

// seen serves an event and returns the request that a route's handler gets.
func seen(t *testing.T, event events.APIGatewayV2HTTPRequest) (got *http.Request, body string, err error) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /entities/{id}/events", func(_ http.ResponseWriter, r *http.Request) {
		var raw []byte
		raw, err = io.ReadAll(r.Body)
		got, body = r, string(raw)
	})
	event.RouteKey = "POST /entities/{id}/events"
	if event.PathParameters == nil {
		event.PathParameters = map[string]string{"id": "a"}
	}
	answer, failed := Serve(mux)(t.Context(), event)
	if failed != nil || got == nil {
		t.Fatalf("the handler was not called: %+v, %v", answer, failed)
	}
	return got, body, err
}

func TestBodiesArriveAsTheyWereSent(t *testing.T) {
	const raw = "\x00\xff text\r\n"
	for name, event := range map[string]events.APIGatewayV2HTTPRequest{
		"base64": {Body: base64.StdEncoding.EncodeToString([]byte(raw)), IsBase64Encoded: true},
		"text":   {Body: raw},
	} {
		r, body, err := seen(t, event)
		if err != nil || body != raw || r.ContentLength != int64(len(raw)) {
			t.Errorf("%s: %q of length %d, %v", name, body, r.ContentLength, err)
		}
	}
}

func TestABodyThatIsNotBase64CannotBeRead(t *testing.T) {
	for _, text := range []string{"!", "QQ", "QQ==x", "{}"} {
		_, body, err := seen(t, events.APIGatewayV2HTTPRequest{Body: text, IsBase64Encoded: true})
		if _, corrupt := errors.AsType[base64.CorruptInputError](err); !corrupt {
			t.Errorf("%q is read as %q, %v", text, body, err)
		}
	}
	load := &intake.Load{Log: slog.New(slog.DiscardHandler)}
	answer, err := Serve(load.Handler())(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: intake.RouteEvents,
		Headers: map[string]string{"content-type": "application/cloudevents+json"}, Body: "!", IsBase64Encoded: true})
	if err != nil || answer.StatusCode != http.StatusBadRequest ||
		!strings.Contains(answer.Body, "urn:reprise:problem:malformed-body") ||
		answer.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestATextThatMayHaveLostBytesCannotBeRead: a function's event is JSON, whose encoder
// puts U+FFFD in place of bytes that are not UTF-8.
func TestATextThatMayHaveLostBytesCannotBeRead(t *testing.T) {
	const lost = "gr\ufffd\ufffde"
	if _, body, err := seen(t, events.APIGatewayV2HTTPRequest{Body: lost}); !errors.Is(err, event.ErrReplaced) {
		t.Errorf("read as %q, %v", body, err)
	}
	whole := events.APIGatewayV2HTTPRequest{Body: base64.StdEncoding.EncodeToString([]byte(lost)), IsBase64Encoded: true}
	if _, body, err := seen(t, whole); body != lost || err != nil {
		t.Errorf("in base64: %q, %v", body, err)
	}
	load := &intake.Load{Log: slog.New(slog.DiscardHandler)}
	sent := events.APIGatewayV2HTTPRequest{RouteKey: intake.RouteEvents, Body: lost}
	answer, err := Serve(load.Handler())(t.Context(), sent)
	if err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Body, "U+FFFD") {
		t.Errorf("answer %+v, %v", answer, err)
	}
}

// TestPathsAreNotReadAgain checks that a segment that API Gateway has decoded
// stays one segment of the path and is not decoded a second time.
func TestPathsAreNotReadAgain(t *testing.T) {
	for _, id := range []string{"50%/a?b", "a/../b", "..", ".", "%41", "a b", "#", "{id}", "ü\n", "\xff", "a//b;c=d&e"} {
		r, _, _ := seen(t, events.APIGatewayV2HTTPRequest{RawPath: "/entities/" + id + "/events",
			PathParameters: map[string]string{"id": id}, RawQueryString: "limit=%35&after="})
		if got := r.PathValue("id"); got != id {
			t.Errorf("%q arrives as %q", id, got)
		}
		if r.URL.RawQuery != "limit=%35&after=" || r.URL.Path != "/entities/"+id+"/events" {
			t.Errorf("%q is asked for as %v", id, r.URL)
		}
	}
}

// TestTheDefaultRouteHasItsPathOnly checks that its route key adds nothing to
// the path.
func TestTheDefaultRouteHasItsPathOnly(t *testing.T) {
	event := events.APIGatewayV2HTTPRequest{RouteKey: "$default", RawPath: "/a%b"}
	event.RequestContext.HTTP.Method = http.MethodPut
	answer, err := Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Method, " ", r.URL.Path)
	}))(t.Context(), event)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Body != "PUT /a%b" {
		t.Errorf("%+v, %v", answer, err)
	}
}

// A comma and the spaces beside it may be a part of a header's value.
func TestHeadersKeepTheirBytes(t *testing.T) {
	for _, value := range []string{"a", "a,b", "a, b", " a ,b", "é", "\xe9", `"%41"`, ""} {
		r, _, _ := seen(t, events.APIGatewayV2HTTPRequest{
			Headers: map[string]string{"ce-id": value, "content-type": "text/plain"},
		})
		if got := r.Header.Values("Ce-Id"); len(got) != 1 || got[0] != value {
			t.Errorf("%q arrives as %q", value, got)
		}
		if r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("headers are %v", r.Header)
		}
	}
}

func TestAnswersReachAPIGateway(t *testing.T) {
	for _, c := range []struct {
		body, want string
		encoded    bool
	}{{`{"a":"ü<"}`, `{"a":"ü<"}`, false}, {"\xff", "/w==", true}, {"", "", false}} {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "of the invocation")
		answer, err := Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Context().Value(key{}) == nil {
				t.Error("the request has another context")
			}
			w.Header().Set("Retry-After", "2")
			w.Header()["Vary"] = []string{"Origin", "Accept"}
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, c.body)
		}))(ctx, events.APIGatewayV2HTTPRequest{RouteKey: "GET /"})
		if err != nil || answer.StatusCode != http.StatusTeapot || answer.Body != c.want ||
			answer.IsBase64Encoded != c.encoded || answer.Headers["Retry-After"] != "2" ||
			answer.Headers["Vary"] != "Origin,Accept" {
			t.Errorf("%q: %+v, %v", c.body, answer, err)
		}
	}
}
