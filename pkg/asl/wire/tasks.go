package wire

import "context"

type taskRequest struct{ TaskToken, Output, Error, Cause string }

func (s *Server) sendTaskSuccess(_ context.Context, in taskRequest) (any, error) {
	return struct{}{}, s.config.Engine.SendTaskSuccess(in.TaskToken, []byte(in.Output))
}

func (s *Server) sendTaskFailure(_ context.Context, in taskRequest) (any, error) {
	return struct{}{}, s.config.Engine.SendTaskFailure(in.TaskToken, in.Error, in.Cause)
}

func (s *Server) sendTaskHeartbeat(_ context.Context, in taskRequest) (any, error) {
	return struct{}{}, s.config.Engine.SendTaskHeartbeat(in.TaskToken)
}
