package wire

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"reprise/pkg/asl"
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

// names are the names of the engine's errors.
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
		{asl.ErrExecutionAlreadyExists, "ExecutionAlreadyExists"},
		{asl.ErrExecutionDoesNotExist, "ExecutionDoesNotExist"},
		{asl.ErrStateMachineDoesNotExist, "StateMachineDoesNotExist"},
		{asl.ErrMapRunDoesNotExist, "ResourceNotFound"},
		{asl.ErrInvalidName, "InvalidName"},
		{asl.ErrInvalidArn, "InvalidArn"},
		{asl.ErrInvalidInput, "InvalidExecutionInput"},
		{asl.ErrInvalidOutput, "InvalidOutput"},
		{asl.ErrInvalidToken, "InvalidToken"},
		{asl.ErrTaskDoesNotExist, "TaskDoesNotExist"},
		{asl.ErrTaskTimedOut, "TaskTimedOut"},
		{asl.ErrValidation, "ValidationException"},
	}
}

// faultOf names an error as the service does. What it has no name for is the
// server's fault, which clients may try again.
func (s *Server) faultOf(ctx context.Context, operation string, err error) fault {
	for _, known := range names() {
		if errors.Is(err, known.err) {
			return fault{http.StatusBadRequest, known.name, err.Error()}
		}
	}
	if errors.Is(err, asl.ErrStopped) {
		return fault{http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()}
	}
	s.config.Log.LogAttrs(ctx, slog.LevelError, "operation failed", slog.String("operation", operation), slog.String("error", err.Error()))
	return fault{http.StatusInternalServerError, "InternalServerError", "the operation failed; the log says why"}
}
