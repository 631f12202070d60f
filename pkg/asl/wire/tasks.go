package wire

import (
	"context"
	"fmt"

	"reprise/pkg/asl/states"
)

type taskRequest struct {
	TaskToken, Error, Cause string
	Output                  *string
}

func (s *Server) sendTaskSuccess(_ context.Context, in taskRequest) (any, error) {
	if in.Output == nil {
		return nil, fmt.Errorf("%w: output is required", states.ErrValidation)
	}
	return struct{}{}, s.config.Engine.SendTaskSuccess(in.TaskToken, []byte(*in.Output))
}

func (s *Server) sendTaskFailure(_ context.Context, in taskRequest) (any, error) {
	return struct{}{}, s.config.Engine.SendTaskFailure(in.TaskToken, in.Error, in.Cause)
}

func (s *Server) sendTaskHeartbeat(_ context.Context, in taskRequest) (any, error) {
	return struct{}{}, s.config.Engine.SendTaskHeartbeat(in.TaskToken)
}
