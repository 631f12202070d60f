package local

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestEventsWaitForThePump(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path string
		// behind is how long the pump stays behind.
		behind, waited time.Duration
		refused        bool
	}{
		{"in step", http.MethodPost, "/events", 0, 0, false},
		{"behind for a while", http.MethodPost, "/events", 3 * time.Second, 3 * time.Second, false},
		{"an import", http.MethodPost, "/imports", 3 * time.Second, 3 * time.Second, false},
		{"behind for long", http.MethodPost, "/events", time.Hour, paceLimit, true},
		{"a read", http.MethodGet, "/events", time.Hour, 0, false},
		{"another route", http.MethodPost, "/replays", time.Hour, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Unix(0, 0)
			now := began
			p := pace{
				lag: func(at time.Time) time.Duration {
					if at.Sub(began) < c.behind {
						return paceLag + 1
					}
					return paceLag
				},
				now:   func() time.Time { return now },
				sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
			}
			refused := p.hold(httptest.NewRequest(c.method, c.path, http.NoBody))
			if (refused != nil) != c.refused || now.Sub(began) != c.waited {
				t.Errorf("refused %v after %v", refused, now.Sub(began))
			}
			if refused != nil && (refused.Status != http.StatusServiceUnavailable || refused.RetryAfter == 0) {
				t.Errorf("%+v", refused)
			}
		})
	}
}
