package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/projection"
)

// TestNothingStartsWithTwoProjectionsOfOneType: the directory is not even created.
func TestNothingStartsWithTwoProjectionsOfOneType(t *testing.T) {
	t.Parallel()
	count := func(n int, _ *event.Event) (int, error) { return n + 1, nil }
	dir := filepath.Join(t.TempDir(), "data")
	_, err := local.Open(t.Context(), local.Options{Dir: dir, Projections: []projection.Projection{
		projection.New("sales", 1, []string{"article.sold"}, count),
		projection.New("stocks", 1, []string{"article.delivered", "article.sold"}, count),
	}})
	const want = `register projections "sales" and "stocks": both handle events of type "article.sold": ` +
		"an event type belongs to one projection"
	if !errors.Is(err, projection.ErrSharedType) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory: %v", err)
	}
}
