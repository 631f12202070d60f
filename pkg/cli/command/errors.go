package command

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/api"
	"reprise/pkg/cli/client"
)

// The exit codes: success, failure, and arguments that the command does not accept.
const (
	ExitFine   = 0
	ExitFailed = 1
	ExitMisuse = 2
)

// MisuseError says that a command does not accept its arguments.
type MisuseError struct{ text string }

func (e *MisuseError) Error() string { return e.text }

// Misuse returns a *MisuseError.
func Misuse(format string, args ...any) error { return &MisuseError{fmt.Sprintf(format, args...)} }

// hinted is an error with what to do next.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hint adds to err what the user can do next.
func Hint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// HintFor says what to do next after err, "" where the text of err says it.
func HintFor(command string, err error) string {
	var withHint *hinted
	var misuse *MisuseError
	var unreachable *client.Unreachable
	var problem *api.Problem
	switch {
	case errors.As(err, &withHint):
		return withHint.hint
	case errors.As(err, &misuse):
		return "see reprise help " + command
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &unreachable):
		return "start a platform with reprise local --data DIR, or name one with --endpoint or " + EndpointVariable
	case errors.As(err, &problem):
		return hintForProblem(problem)
	}
	return ""
}

func hintForProblem(p *api.Problem) string {
	switch p.Kind() {
	case "entity-not-found":
		return "reprise state export lists all entities; ids are case-sensitive"
	case "replay-not-found":
		return "reprise replay list shows all replays"
	case "replay-exists":
		return "reprise replay get NAME shows that replay; choose another --name to start a new one"
	case "replay-promoted":
		return "nothing was cancelled; reprise replay start --rebuild --promote builds a generation that replaces it"
	case "replay-ended":
		return "reprise replay get ID shows how it ended"
	case "generation-not-found":
		return "reprise status shows all generations"
	case "generation-not-active":
		return "another generation has become active: check reprise status and decide again"
	case "internal", "busy", "throttled", "timeout":
		return "try again; reprise status shows the state of the platform"
	case "no-route":
		return "check that --endpoint is the platform's address, without a path"
	case "":
		return "check that --endpoint is the platform's address"
	}
	return ""
}
