package cli

import "testing"

func TestUnderWrapper(t *testing.T) {
	t.Parallel()
	const cache, temporary = "/home/ada/.cache/go-build", "/tmp"
	for executable, want := range map[string]bool{
		"/home/ada/.cache/go-build/3f/3f09-d/reprise": true,  // go tool
		"/tmp/go-build123/b001/exe/reprise":           true,  // go run
		"/tmp/reprise":                                false, // go build -o /tmp/reprise
		"/usr/local/bin/reprise":                      false,
		"/home/ada/go/bin/reprise":                    false,
		"/home/ada/.cache/go-builder/reprise":         false,
	} {
		if got := underWrapper(executable, cache, temporary); got != want {
			t.Errorf("%s: %t", executable, got)
		}
	}
}
