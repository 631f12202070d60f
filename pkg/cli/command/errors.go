package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/progress"
)

// The exit codes: success, failure, arguments that the command does not accept, and
// a replay that succeeded without an event.
const (
	ExitFine    = 0
	ExitFailed  = 1
	ExitMisuse  = 2
	ExitNothing = 3
)

// ErrNothing says that what was asked for was done, but concerned nothing.
var ErrNothing = errors.New("nothing matched")

// ErrDiffer says that what a command compares differs. It has printed how.
var ErrDiffer = errors.New("they differ")

// trouble is a failure of a command whose exit code 1 says that something differs.
type trouble struct{ error }

func (t *trouble) Unwrap() error { return t.error }

// Compared is the error of a command that exits as diff does: with 0 if what it compares
// is the same, 1 if it differs, and 2 if it could not be compared.
func Compared(differ bool, err error) error {
	switch {
	case err != nil:
		return &trouble{err}
	case differ:
		return ErrDiffer
	}
	return nil
}

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
	var denied *client.Denied
	var problem *web.Problem
	switch {
	case errors.As(err, &withHint):
		return withHint.hint
	case errors.As(err, &misuse):
		return "see reprise help " + command
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &unreachable):
		return "start a platform with reprise local --data DIR, or name one with --endpoint or " + EndpointVariable +
			", or a deployment on AWS with --region"
	case errors.As(err, &denied):
		return hintForDenial(denied)
	case errors.Is(err, apiaccess.ErrNoRegion):
		return "give --region, or set AWS_REGION"
	case errors.Is(err, apiaccess.ErrNoCredentials):
		return "sign in as for the AWS CLI (aws sts get-caller-identity shows who you are), choose a --profile, " +
			"or give a token in " + TokenVariable + "; --auth none sends no credentials"
	case errors.Is(err, apiaccess.ErrNoEndpoint):
		return "check --region, --profile and --stack-prefix, or give the API's address with --endpoint"
	case errors.As(err, &problem):
		return hintForProblem(problem)
	}
	return ""
}

// maxSkew is how far off a clock may be for AWS to accept its signatures.
const maxSkew = 5 * time.Minute

func hintForDenial(d *client.Denied) string {
	switch {
	case d.With == client.Token:
		return "the token may have expired, or lack the scope PREFIX/produce, PREFIX/operate, PREFIX/audit, " +
			"PREFIX/trace or PREFIX/export"
	case d.With == client.NoCredentials:
		return "the endpoint wants credentials: --auth aws signs requests with those of the AWS CLI, " +
			TokenVariable + " holds a token"
	case d.Skew.Abs() > maxSkew && d.Skew > 0:
		return "this machine's clock is " + progress.Duration(d.Skew) + " ahead of the server's: AWS refuses signatures " +
			"that are more than 5 minutes off, so set the clock"
	case d.Skew.Abs() > maxSkew:
		return "this machine's clock is " + progress.Duration(-d.Skew) + " behind the server's: AWS refuses signatures " +
			"that are more than 5 minutes off, so set the clock"
	}
	return "the signature was not accepted: check --region and --profile, and that the caller has the managed policy " +
		"PREFIX-produce-REGION to send, PREFIX-operate-REGION to import and replay, PREFIX-correct-REGION to skip, " +
		"reverse and repair, PREFIX-audit-REGION to read, PREFIX-trace-REGION to look into the past, PREFIX-export-REGION to " +
		"export and fork"
}

func hintForProblem(p *web.Problem) string {
	switch p.Kind() {
	case "entity-not-found":
		return "reprise state export lists all entities; ids are case-sensitive"
	case "event-not-found", "history-too-long":
		return "reprise events ENTITY prints all of its events, with the times at which they were logged"
	case "already-reversed", "event-duplicate", "event-not-applied", "event-depended-on":
		return "nothing was appended; reprise events ENTITY --explain shows what became of each event"
	case "entity-parked":
		return "nothing was appended; reprise parked list shows where the entity is parked, and why"
	case "reversal-refused":
		return "nothing was appended; send an event that undoes it as far as the projection allows"
	case "replay-not-found":
		return "reprise replay list shows all replays"
	case "replay-exists":
		return "reprise replay get NAME shows that replay; choose another --name to start a new one"
	case "replay-promoted":
		return "nothing was cancelled; reprise replay start --rebuild --promote builds a generation that replaces it"
	case "replay-promoting":
		return "reprise replay watch ID shows how it ends; try again if it goes on"
	case "replay-not-failed", "replay-not-continuable":
		return "reprise replay get ID shows its status and why it failed"
	case "replay-ended":
		return "reprise replay get ID shows how it ended"
	case "generation-not-found", "no-previous-generation":
		return "reprise generation list shows all generations"
	case "generation-not-active", "promotion-running":
		return "check reprise generation list and decide again"
	case "generation-behind":
		return "reprise generation show ID shows how far it is behind; try again once that is little"
	case "generation-parks":
		return "reprise parked list --generation ID shows them, and why; --accept-parked promotes it nevertheless"
	case "generation-building", "generation-busy":
		return "reprise generation show ID names its replay: reprise replay watch, resume or cancel that"
	case "generation-withdrawn":
		return "reprise replay start --rebuild --promote --wait builds another generation"
	case "internal", "busy", "throttled", "timeout":
		return "try again; reprise status shows the state of the platform"
	case "no-route":
		return "check that --endpoint is the platform's address, without a path"
	case "":
		return "check that --endpoint is the platform's address"
	}
	return ""
}
