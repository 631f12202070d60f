package cli

import (
	"context"
	"io"
	"strings"
	"testing"

	"reprise/pkg/cli/command"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/projection"
)

func TestLocalNamesTwoProjectionsOfOneType(t *testing.T) {
	t.Parallel()
	count := func(n int, _ *event.Event) (int, error) { return n + 1, nil }
	s := &shell{t: t, change: func(a *command.App) {
		a.RunLocal = func(ctx context.Context, o local.Options, stdout, stderr io.Writer) error {
			o.Projections = []projection.Projection{
				projection.New("sales", 1, []string{"article.sold"}, count),
				projection.New("stocks", 1, []string{"article.sold"}, count),
			}
			ended, end := context.WithCancel(ctx)
			end() // so that it serves nothing if it is not refused
			return local.Run(ended, o, stdout, stderr)
		}
	}}
	got := s.run("", "local", "--data", t.TempDir(), "--addr", "127.0.0.1:0")
	const want = `register projections "sales" and "stocks": both handle events of type "article.sold"`
	if got.code != command.ExitFailed || got.stdout != "" || !strings.Contains(got.stderr, want) ||
		!strings.Contains(got.stderr, "hint: take the type from one of the two projections") {
		t.Errorf("%+v", got)
	}
}
