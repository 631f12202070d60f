package local

import (
	"net/http"
	"time"

	"reprise/pkg/api"
)

// handler serves the HTTP API.
func (p *Platform) handler() http.Handler {
	playback := &api.Playback{Stream: p.core.Playback, Codec: p.core.Codec, Now: time.Now, Log: p.options.Log}
	return api.NewLocal(p.core.Load(false), p.core.Load(true), p.core.API(), playback)
}
