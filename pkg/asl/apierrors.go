package asl

import "errors"

// Errors of the API, named as the service names them. None is helped by a
// retry of the same call.
var (
	ErrExecutionAlreadyExists   = errors.New("ExecutionAlreadyExists: an execution of that name has other input or has ended")
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
	// ErrStopped says that the engine does not run any more: ask the next one.
	ErrStopped = errors.New("the engine has stopped")
)
