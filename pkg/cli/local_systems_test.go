package cli

import (
	"context"
	"io"
	"strings"
	"testing"

	"reprise/pkg/cli/command"
	"reprise/pkg/local"
)

// The addresses reach the platform; what is refused is not repeated, since it may hold a
// secret.
func TestLocalTakesTheAddressesOfSystems(t *testing.T) {
	t.Parallel()
	var given local.Options
	s := &shell{t: t, change: func(a *command.App) {
		a.RunLocal = func(_ context.Context, o local.Options, _, _ io.Writer) error {
			given = o
			return nil
		}
	}}
	s.fine("", "local", "--data", "d")
	if len(given.Systems) != 0 {
		t.Errorf("without --system: %v", given.Systems)
	}
	got := s.run("", "local", "--data", "d", "--system", "mail=https://mail.example/v1=x",
		"--system=rates=http://127.0.0.1:9")
	if got.code != command.ExitFine || !strings.Contains(got.stderr, "returns no service") {
		t.Errorf("without a service: %+v", got)
	}
	if len(given.Systems) != 2 || given.Systems["mail"] == nil || given.Systems["rates"] == nil {
		t.Errorf("with two: %v", given.Systems)
	}
	for _, wrong := range [][]string{
		{"s3cret"}, {"s3cret=https://x y"}, {"=https://s3cret.example"}, {"mail="}, {"mail=s3cret"},
		{"mail=https://me:s3cret@mail.example"}, {"mail=https://mail.example/?key=s3cret"}, {"S=https://s3cret.example"},
		{"mail=https://mail.example", "mail=https://s3cret.example"},
	} {
		args := []string{"local", "--data", "d"}
		for _, value := range wrong {
			args = append(args, "--system", value)
		}
		got = s.run("", args...)
		told := strings.Replace(got.stderr, "system s3cret:", "", 1) // a name may be told
		if got.code != command.ExitMisuse || !strings.Contains(got.stderr, "--system") || strings.Contains(told, "s3cret") {
			t.Errorf("%q: %+v", wrong, got)
		}
	}
}
