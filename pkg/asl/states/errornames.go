package states

// Names of the errors that the engine itself reports, as the service does.
const (
	ErrorAll              = "States.ALL"
	ErrorTaskFailed       = "States.TaskFailed"
	ErrorTimeout          = "States.Timeout"
	ErrorHeartbeatTimeout = "States.HeartbeatTimeout"
	ErrorQueryEvaluation  = "States.QueryEvaluationError"
	ErrorDataLimit        = "States.DataLimitExceeded"
	ErrorRuntime          = "States.Runtime"
	ErrorNoChoiceMatched  = "States.NoChoiceMatched"
	ErrorThreshold        = "States.ExceedToleratedFailureThreshold"
	ErrorLambdaUnknown    = "Lambda.Unknown"
)
