package emulate

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// serveGateway serves a gateway with short time limits and returns its address.
func serveGateway(t *testing.T, g *Gateway) string {
	t.Helper()
	server := g.Server()
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
	server.ReadHeaderTimeout, server.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return listener.Addr().String()
}

func TestSlowRequestIsCutOffAndNeverHandedOn(t *testing.T) {
	var calls atomic.Int32
	g := NewGateway(slog.New(slog.DiscardHandler))
	g.Route("POST /events", func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		calls.Add(1)
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusAccepted}, nil
	})
	address := serveGateway(t, g)
	for name, part := range map[string]string{
		"in the header": "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-",
		"in the body":   "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, part); err != nil {
			t.Fatal(err)
		}
		// The client says no more, and waits. The server ends it.
		if resp, err := http.ReadResponse(bufio.NewReader(connection), nil); err == nil && resp.StatusCode < 400 {
			t.Errorf("slow %s: %d", name, resp.StatusCode)
		}
		_ = connection.Close()
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the function was called %d times", n)
	}
}

func TestGatewayHandsRequestsOnAsAnHTTPAPIDoes(t *testing.T) {
	var got events.APIGatewayV2HTTPRequest
	g := NewGateway(slog.New(slog.DiscardHandler))
	g.Route("POST /entities/{id}/events", func(_ context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		got = req
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusTeapot, Headers: map[string]string{"X-Y": "z"},
			Body: base64.StdEncoding.EncodeToString([]byte("answer")), IsBase64Encoded: true}, nil
	})
	url := "http://" + serveGateway(t, g) + "/entities/YQ/events?limit=5"
	for kind, encoded := range map[string]bool{"application/json": false, "text/plain; charset=utf-8": false, "application/cloudevents+json": true, "": true} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Ce-Id", "7")
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
		if got.IsBase64Encoded != encoded || body != "body" || got.PathParameters["id"] != "YQ" ||
			got.QueryStringParameters["limit"] != "5" || got.Headers["ce-id"] != "7" || got.RouteKey != "POST /entities/{id}/events" {
			t.Errorf("%q: handed on %+v", kind, got)
		}
	}
}
