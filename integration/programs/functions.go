package programs

import (
	"os"
	"path/filepath"
	"testing"

	"reprise/pkg/aws/settings"
)

// Each reports whether every function is to be a program of its own, as it is deployed,
// because REPRISE_FUNCTIONS is "each". That takes minutes to link after every change, so
// else one program does for all of them.
func Each() bool { return os.Getenv("REPRISE_FUNCTIONS") == "each" }

// BuildFunctions is Build for functions, all of them without names. The flags allow go
// build to reuse packages that tests have compiled.
func BuildFunctions(t testing.TB, edits []Edit, names ...string) string {
	t.Helper()
	if len(names) == 0 {
		names = settings.Functions()
	}
	order := Order{Flags: []string{"-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"}, Edits: edits}
	if Each() {
		for _, name := range names {
			order.Packages = append(order.Packages, "./functions/"+name)
		}
		return Build(t, order)
	}
	order.Packages = []string{"./functions/internal/together"}
	dir := Build(t, order)
	for _, name := range names {
		if err := os.Link(filepath.Join(dir, "together"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
