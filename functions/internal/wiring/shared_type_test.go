package wiring

import (
	"errors"
	"strings"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/projection"
)

// TestNoFunctionBeginsWithTwoProjectionsOfOneType opens a platform as OnAWS does for
// every function; Start logs the error and exits.
func TestNoFunctionBeginsWithTwoProjectionsOfOneType(t *testing.T) {
	count := func(n int, _ *event.Event) (int, error) { return n + 1, nil }
	projections := []projection.Projection{
		projection.New("sales", 1, []string{"article.sold"}, count),
		projection.New("stocks", 1, []string{"article.delivered", "article.sold"}, count),
	}
	_, err := platform.Open(t.Context(), newWorld(t).Parts, platformtest.Lanes, projections, "events")
	const want = `register projections "sales" and "stocks": both handle events of type "article.sold"`
	if !errors.Is(err, projection.ErrSharedType) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}
