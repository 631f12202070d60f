package httpsystem_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reprise/pkg/gateway"
	"reprise/pkg/gateway/gatewaytest"
	"reprise/pkg/gateway/httpsystem"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
)

// gone is an address at which nobody listens.
func gone(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return "http://" + listener.Addr().String()
}

// both is a System of two, so that one subject has updates and queries.
type both struct{ update, query gateway.System }

func (b both) Do(ctx context.Context, r *gateway.Request) ([]byte, error) {
	if r.Call.Kind == gateway.Asking {
		return b.query.Do(ctx, r)
	}
	return b.update.Do(ctx, r)
}

func TestTheSuiteOfSystems(t *testing.T) {
	for name, atMostOnce := range map[string]bool{"repeatable": false, "at most once": true} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.Run(t, func(t *testing.T) gatewaytest.Subject {
				server := standintest.Start(t)
				systems, err := httpsystem.Systems(server.Endpoints())
				if err != nil {
					t.Fatal(err)
				}
				return subject(t, server, both{systems["payments"], systems["rates"]}, atMostOnce)
			})
		})
	}
}

// subject is an adapter to a stand-in.
func subject(t *testing.T, server *standin.Server, system gateway.System, atMostOnce bool) gatewaytest.Subject {
	t.Helper()
	nobody, err := httpsystem.New(gone(t) + "/token-in-path")
	if err != nil {
		t.Fatal(err)
	}
	moods := map[gatewaytest.Mood]standin.Mood{
		gatewaytest.Well:     {},
		gatewaytest.Declines: {Status: http.StatusPaymentRequired},
		gatewaytest.Fails:    {Status: http.StatusServiceUnavailable},
		gatewaytest.Stalls:   {Stall: true},
		gatewaytest.Silent:   {Silent: true},
		gatewaytest.Drops:    {Drop: true},
		gatewaytest.Swells:   {Large: true},
	}
	deed := func(key string) standin.Deed { return server.Books().Deeds[key] }
	return gatewaytest.Subject{
		System: system,
		Update: gateway.Call{System: "payments", Name: "charge", Kind: gateway.Updating, AtMostOnce: atMostOnce},
		Query:  gateway.Call{System: "rates", Name: "rate", Kind: gateway.Asking, AsOf: true},

		UpdateBody:  []byte(`{"account":"a","cents":5,"currency":"EUR"}`),
		QueryBody:   []byte(`{"from":"EUR","to":"USD"}`),
		Behave:      func(m gatewaytest.Mood) { server.Behave("", moods[m]) },
		Received:    func(key string) int { return deed(key).Received },
		Performed:   func(key string) int { return deed(key).Performed },
		HonoursKeys: true,
		Gone:        nobody,
		Secrets:     []string{"token-in-path", "as it was told"},
	}
}

// charge is an update of the tests, rate a query.
var (
	charge = gateway.Call{System: "payments", Name: "charge", Kind: gateway.Updating}
	rate   = gateway.Call{System: "rates", Name: "rate", Kind: gateway.Asking, AsOf: true}
)

// ask calls a handler over HTTP.
func ask(t *testing.T, call *gateway.Call, handler http.HandlerFunc) ([]byte, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	system, err := httpsystem.New(server.URL + "/v1/")
	if err != nil {
		t.Fatal(err)
	}
	r := gateway.Request{Call: call, Body: []byte(`{"secret":"s3"}`), At: time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC)}
	if call.Kind == gateway.Updating {
		r.Key = "key-1"
	}
	return system.Do(t.Context(), &r)
}

func TestWhatIsSent(t *testing.T) {
	for _, call := range []*gateway.Call{&charge, &rate} {
		got := make(chan *http.Request, 1)
		if _, err := ask(t, call, func(w http.ResponseWriter, r *http.Request) {
			got <- r
			_, _ = w.Write([]byte(`{}`))
		}); err != nil {
			t.Fatal(err)
		}
		r := <-got
		key, asOf := "key-1", ""
		if call.Kind == gateway.Asking {
			key, asOf = "", "2025-01-02T03:04:05.000000006Z"
		}
		if r.Method != http.MethodPost || r.URL.Path != "/v1/"+call.Name || r.Header.Get("Idempotency-Key") != key ||
			r.Header.Get("As-Of") != asOf || r.Header.Get("Content-Type") != "application/json" || r.ContentLength != 15 {
			t.Errorf("%s: %s %s %v", call.ID(), r.Method, r.URL, r.Header)
		}
	}
}

// Which statuses are an answer, final, may pass, and may pass since nothing happened.
func TestWhatStatusesMean(t *testing.T) {
	const answer, final, passes, notSent = "answer", "final", "passes", "not sent"
	want := map[int]string{
		200: answer, 201: answer, 202: answer, 204: answer, 299: answer,
		301: passes, 302: passes, 304: passes, 307: passes,
		400: final, 402: final, 410: final, 413: final, 422: final, 451: final,
		401: notSent, 403: notSent, 404: notSent, 405: notSent, 407: notSent, 421: notSent, 425: notSent, 429: notSent,
		408: passes, 409: passes, 423: passes,
		500: passes, 501: passes, 502: passes, 503: passes, 504: passes, 599: passes, 600: passes,
	}
	for status, want := range want {
		_, err := ask(t, &charge, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://203.0.113.1/elsewhere")
			w.WriteHeader(status)
		})
		got := passes
		declined, isDeclined := errors.AsType[*gateway.Declined](err)
		switch {
		case err == nil:
			got = answer
		case isDeclined && declined.Status == status:
			got = final
		case errors.Is(err, gateway.ErrNotSent):
			got = notSent
		}
		if got != want {
			t.Errorf("status %d: %s, want %s (%v)", status, got, want, err)
		}
	}
}

// A redirect is not followed, not even on the same host.
func TestNoRedirectIsFollowed(t *testing.T) {
	var reached atomic.Int64
	_, err := ask(t, &charge, func(w http.ResponseWriter, r *http.Request) {
		if reached.Add(1) == 1 {
			http.Redirect(w, r, "/v1/other", http.StatusTemporaryRedirect)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "redirect") || reached.Load() != 1 {
		t.Errorf("%d calls, %v", reached.Load(), err)
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		call  *gateway.Call
		media string
		body  string
		good  bool
	}{
		"JSON to a query":      {&rate, "application/json", `{"micros":1}`, true},
		"text to a query":      {&rate, "text/plain", `fine`, false},
		"nothing to a query":   {&rate, "application/json", ``, false},
		"half JSON to a query": {&rate, "application/json", `{"micros":`, false},
		"a page to a query":    {&rate, "text/html; charset=utf-8", `1`, false},
		"JSON to an update":    {&charge, "application/json", `{"id":1}`, true},
		"text to an update":    {&charge, "text/plain", `ok`, true},
		"nothing to an update": {&charge, "", ``, true},
		"a page to an update":  {&charge, "text/html", `<html>Please log in, s3cret</html>`, false},
	} {
		answer, err := ask(t, test.call, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.media)
			_, _ = w.Write([]byte(test.body))
		})
		if (err == nil) != test.good || (test.good && string(answer) != test.body) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		_, declined := errors.AsType[*gateway.Declined](err)
		if declined || errors.Is(err, gateway.ErrNotSent) || (err != nil && strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the other side sends instead of HTTP is not in the error.
func TestGarbageIsNotRepeatedInErrors(t *testing.T) {
	_, err := ask(t, &charge, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte("card 4111-1111 of s3cret\r\n\r\n"))
		_ = conn.Close()
	})
	if err == nil || strings.Contains(err.Error(), "4111") || errors.Is(err, gateway.ErrNotSent) {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerThatIsTooLargeDeclinesAllTheSame(t *testing.T) {
	_, err := ask(t, &charge, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = w.Write(make([]byte, 2*gateway.MaxBytes))
	})
	if declined, is := errors.AsType[*gateway.Declined](err); !is || len(declined.Answer) != 0 {
		t.Errorf("%v", err)
	}
}
