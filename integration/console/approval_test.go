package console

import (
	"net/http"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// An operator sees what a promotion would change, approves it, and goes back.
func TestAnOperatorApprovesAPromotionAndGoesBack(t *testing.T) {
	t.Parallel()
	p := started(t, 600)
	status, body := p.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"asked","input":{"rebuild":true,"promote":"ask"}}`))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	localtest.Until(p, "/replays/asked", func(v lifecycle.View) bool { return v.Status == replay.ShownAsking })
	b := open(t, p.URL)
	b.visit("/console/replays/asked")
	b.isLive()
	b.sees(".title .state", "ASKING")
	b.sees(".reason", "It asks whether g0002 may become active")
	b.sees(".diff", "none differs")
	b.sees(".actions", "reprise generation promote g0002")
	b.accessible()
	b.pictures("asking")
	b.press("Approve…")
	b.sees("dialog", "Promote g0002?")
	b.press("Approve")
	b.sees(".title .state", "SUCCEEDED")
	b.visit("/console/generations")
	b.isLive()
	b.sees(".generation.chosen h2", "g0002")
	b.press("Compare")
	b.sees(".diff", "none differs")
	b.accessible()
	b.press("Go back to it…")
	b.sees("dialog", "Readers see g0001 instead of g0002")
	b.press("Go back")
	b.sees(".generation.chosen h2", "g0001")
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool { return v.Active == "g0001" })
}
