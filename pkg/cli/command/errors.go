package command

import (
	"context"
	"errors"
	"fmt"

	"reprise/pkg/api"
	"reprise/pkg/cli/client"
)

// The exit codes.
const (
	ExitFine   = 0
	ExitFailed = 1
	ExitMisuse = 2
)

// MisuseError says that a command was given what it does not understand.
type MisuseError struct{ text string }

func (e *MisuseError) Error() string { return e.text }

func Misuse(format string, args ...any) error { return &MisuseError{fmt.Sprintf(format, args...)} }

// hinted is an error with what to do next.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

func Hint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// HintFor says what to do next about an error, "" where its own text does.
func HintFor(command string, err error) string {
	var given *hinted
	var wrong *MisuseError
	var lost *client.Unreachable
	var told *api.Problem
	switch {
	case errors.As(err, &given):
		return given.hint
	case errors.As(err, &wrong):
		return "see reprise help " + command
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &lost):
		return "start a platform with reprise local --data DIR, or name one with --endpoint or " + EndpointVariable
	case errors.As(err, &told):
		return hintForProblem(told)
	}
	return ""
}

func hintForProblem(p *api.Problem) string {
	switch p.Kind() {
	case "entity-not-found":
		return "reprise state export lists the entities there are; ids are case-sensitive"
	case "replay-not-found":
		return "reprise replay list shows the replays there are"
	case "replay-exists":
		return "reprise replay get NAME shows it; choose another --name for a new one"
	case "replay-promoted":
		return "nothing was cancelled; reprise replay start --rebuild --promote builds a generation that replaces it"
	case "replay-ended":
		return "reprise replay get ID shows how it ended"
	case "generation-not-found":
		return "reprise status shows the generations there are"
	case "generation-not-active":
		return "another generation became active meanwhile: look at reprise status and decide again"
	case "internal", "busy", "throttled", "timeout":
		return "try again; reprise status shows how the platform is"
	case "no-route":
		return "is --endpoint the platform's address, without a path?"
	case "":
		return "is --endpoint the platform's address?"
	}
	return ""
}
