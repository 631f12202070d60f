package wire

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"reprise/pkg/asl/states"
)

// fault is an error in the shape of the API.
type fault struct {
	status        int
	name, message string
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, f fault) {
	w.Header().Set("X-Amzn-Errortype", f.name)
	s.answer(w, r, f.status, map[string]string{"__type": f.name, "message": f.message})
}

// names are the service's names of the engine's errors.
func names() []struct {
	err  error
	name string
} {
	return []struct {
		err  error
		name string
	}{
		{errSerialization, "SerializationException"},
		{errToken, "InvalidToken"},
		{states.ErrExecutionAlreadyExists, "ExecutionAlreadyExists"},
		{states.ErrExecutionDoesNotExist, "ExecutionDoesNotExist"},
		{states.ErrStateMachineDoesNotExist, "StateMachineDoesNotExist"},
		{states.ErrMapRunDoesNotExist, "ResourceNotFound"},
		{states.ErrInvalidName, "InvalidName"},
		{states.ErrInvalidArn, "InvalidArn"},
		{states.ErrInvalidInput, "InvalidExecutionInput"},
		{states.ErrInvalidDefinition, "InvalidDefinition"},
		{states.ErrInvalidOutput, "InvalidOutput"},
		{states.ErrInvalidToken, "InvalidToken"},
		{states.ErrTaskDoesNotExist, "TaskDoesNotExist"},
		{states.ErrTaskTimedOut, "TaskTimedOut"},
		{states.ErrValidation, "ValidationException"},
	}
}

// faultOf gives an error the service's name. An error without a name is the
// server's fault, after which clients may retry.
func (s *Server) faultOf(ctx context.Context, operation string, err error) fault {
	for _, known := range names() {
		if errors.Is(err, known.err) {
			return fault{http.StatusBadRequest, known.name, err.Error()}
		}
	}
	if errors.Is(err, states.ErrStopped) {
		return fault{http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()}
	}
	s.config.Log.LogAttrs(ctx, slog.LevelError, "operation failed",
		slog.String("operation", operation), slog.String("error", err.Error()))
	return fault{http.StatusInternalServerError, "InternalServerError", "the operation failed; the log says why"}
}
