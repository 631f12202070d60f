package local

import (
	"net/http"
	"time"

	"reprise/pkg/api"
)

// Handler serves the HTTP API, without the limits of a server. It is safe for
// concurrent use until the platform is closed.
func (p *Platform) Handler() http.Handler {
	playback := &api.Playback{Stream: p.core.Playback, Codec: p.core.Codec, Now: time.Now, Log: p.options.Log}
	return api.NewLocal(p.core.Load(false), p.core.Load(true), p.core.API(), playback)
}
