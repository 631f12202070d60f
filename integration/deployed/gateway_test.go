package deployed

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestGatewayMakesTheEventsOfAnHTTPAPI(t *testing.T) {
	var got events.APIGatewayV2HTTPRequest
	call := func(_ context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		got = req
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusTeapot, Headers: map[string]string{"X-Y": "z"},
			Body: base64.StdEncoding.EncodeToString([]byte("answer")), IsBase64Encoded: true}, nil
	}
	const key = "POST /entities/{id}/events"
	server := httptest.NewServer(newGateway(map[string]route{key: {call, guard{}.check}}, slog.New(slog.DiscardHandler)))
	defer server.Close()
	for kind, encoded := range map[string]bool{"application/json": false, "text/plain; charset=utf-8": false,
		"application/cloudevents+json": true, "": true} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			server.URL+"/entities/50%25%2Fa%3Fb/events?limit=5", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Content-Type"], req.Header["Ce-Id"] = []string{kind}, []string{"7", "8"}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusTeapot || string(answer) != "answer" || resp.Header.Get("X-Y") != "z" {
			t.Errorf("%q: answer %d %q, %v", kind, resp.StatusCode, answer, err)
		}
		body := got.Body
		if got.IsBase64Encoded {
			raw, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			body = string(raw)
		}
		if got.IsBase64Encoded != encoded || body != "body" || got.PathParameters["id"] != "50%/a?b" ||
			got.RawPath != "/entities/50%/a?b/events" || got.QueryStringParameters["limit"] != "5" ||
			got.Headers["ce-id"] != "7,8" || got.RouteKey != key {
			t.Errorf("%q: handed on %+v", kind, got)
		}
	}
}
