package states

import "errors"

// Errors of the API, named as the service names them. Repeating the same call
// helps with none of them.
var (
	ErrExecutionAlreadyExists = errors.New(
		"ExecutionAlreadyExists: an execution of that name has other input or has ended")
	ErrExecutionDoesNotExist    = errors.New("ExecutionDoesNotExist")
	ErrStateMachineDoesNotExist = errors.New("StateMachineDoesNotExist")
	ErrMapRunDoesNotExist       = errors.New("ResourceNotFound: map run does not exist")
	ErrInvalidName              = errors.New("InvalidName: a name has 1 to 80 of the characters 0-9 A-Z a-z _ -")
	ErrInvalidArn               = errors.New("InvalidArn")
	ErrInvalidInput             = errors.New("InvalidExecutionInput: input must be JSON of at most 262144 bytes")
	ErrInvalidOutput            = errors.New("InvalidOutput: output must be JSON of at most 262144 bytes")
	ErrInvalidToken             = errors.New("InvalidToken")
	ErrTaskDoesNotExist         = errors.New("TaskDoesNotExist")
	ErrTaskTimedOut             = errors.New("TaskTimedOut: the task is over, was tried again or its execution has ended")
	ErrValidation               = errors.New("ValidationException")
	// ErrStopped says that the engine has stopped; the next one on the same
	// journal can answer.
	ErrStopped = errors.New("the engine has stopped")
)

// FunctionError is an error that a function reported, or that the service
// reports for it: Type is the error's name.
type FunctionError struct{ Type, Message string }

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Failure is the error of a state or an execution.
type Failure struct {
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// Cut is the failure as history tells it, cut to the service's limits.
func (f *Failure) Cut() (name, cause string) {
	return Cut(f.Error, MaxErrorBytes), Cut(f.Cause, MaxCauseBytes)
}

// Details is Cut as a member of an event.
func (f *Failure) Details() *ErrorDetails {
	name, cause := f.Cut()
	return &ErrorDetails{Error: name, Cause: cause}
}
