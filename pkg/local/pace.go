package local

import (
	"context"
	"net/http"
	"time"

	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
)

// The pace of requests with events: they wait while the pump is further behind than
// paceLag, look again every paceEvery, and are refused after paceLimit.
const (
	paceLag   = time.Second
	paceEvery = 20 * time.Millisecond
	paceLimit = 10 * time.Second
)

// pace keeps the rate at which events are accepted near the rate at which the pump
// writes them to the log.
type pace struct {
	lag   func(now time.Time) time.Duration
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

// hold implements emulate.Hold.
func (p pace) hold(r *http.Request) *web.Problem {
	if route := r.Method + " " + r.URL.Path; route != intake.RouteEvents && route != intake.RouteImports {
		return nil
	}
	began := p.now()
	for now := began; p.lag(now) > paceLag; now = p.now() {
		if now.Sub(began) >= paceLimit {
			return web.Busy("the platform is behind with events it accepted earlier; " +
				"nothing of this request was accepted: send it again later")
		}
		if p.sleep(r.Context(), paceEvery) != nil {
			break // the client is gone, which the handler notices
		}
	}
	return nil
}
