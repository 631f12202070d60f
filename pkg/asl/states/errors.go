package states

import "errors"

// Errors of the API under the service's names. Retrying the same call does not
// help.
var (
	ErrExecutionAlreadyExists = errors.New(
		"ExecutionAlreadyExists: an execution of that name has other input or has ended")
	ErrExecutionDoesNotExist    = errors.New("ExecutionDoesNotExist")
	ErrStateMachineDoesNotExist = errors.New("StateMachineDoesNotExist")
	ErrMapRunDoesNotExist       = errors.New("ResourceNotFound: map run does not exist")
	ErrInvalidName              = errors.New("InvalidName: a name must have 1 to 80 characters, " +
		"none of them white space, a control character or one of <>{}[]?*\"#%\\^|~`$&,;:/")
	ErrInvalidArn       = errors.New("InvalidArn")
	ErrInvalidInput     = errors.New("InvalidExecutionInput: input must be JSON of at most 262144 bytes")
	ErrInvalidOutput    = errors.New("InvalidOutput: output must be JSON of at most 262144 bytes")
	ErrInvalidToken     = errors.New("InvalidToken")
	ErrTaskDoesNotExist = errors.New("TaskDoesNotExist")
	ErrTaskTimedOut     = errors.New("TaskTimedOut: the task has ended or was retried, or its execution has ended")
	ErrValidation       = errors.New("ValidationException")
	// ErrInvalidDefinition is always joined with the reasons.
	ErrInvalidDefinition = errors.New("InvalidDefinition")
	// ErrStopped means that the engine has stopped, or has begun again and not come to
	// what was asked for: retry once an engine runs on the same journal.
	ErrStopped = errors.New("the engine has stopped")
)

// FunctionError is an error that a function reported, or that the service
// reported for it. Type is the error's name.
type FunctionError struct{ Type, Message string }

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Failure is the error of a state or an execution.
type Failure struct {
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// Cut returns the failure's name and cause, truncated to the limits of history
// events.
func (f *Failure) Cut() (name, cause string) {
	return Cut(f.Error, MaxErrorBytes), Cut(f.Cause, MaxCauseBytes)
}

// Details is Cut in the shape of a history event's member.
func (f *Failure) Details() *ErrorDetails {
	name, cause := f.Cut()
	return &ErrorDetails{Error: name, Cause: cause}
}
