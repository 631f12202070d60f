package emulate

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A browser says in Sec-Fetch-Site whose page sends a request. It may send one without
// an Origin, as some do from a page of this machine on another port.
func TestPagesOfOthersWriteNothing(t *testing.T) {
	handler := Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}), nil, slog.New(slog.DiscardHandler)).Handler
	for _, c := range []struct {
		method, site string
		status       int
	}{
		{http.MethodPost, "", http.StatusTeapot},
		{http.MethodPost, "none", http.StatusTeapot},
		{http.MethodPost, "same-origin", http.StatusTeapot},
		{http.MethodPost, "same-site", http.StatusForbidden},
		{http.MethodPost, "cross-site", http.StatusForbidden},
		{http.MethodPost, "anything", http.StatusForbidden},
		{http.MethodDelete, "cross-site", http.StatusForbidden},
		{http.MethodGet, "cross-site", http.StatusTeapot},
	} {
		r := httptest.NewRequest(c.method, "/events", strings.NewReader("{}"))
		r.Host = "localhost:8787"
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		if recorder.Code != c.status {
			t.Errorf("%+v: %d %s", c, recorder.Code, recorder.Body)
		}
	}
}
