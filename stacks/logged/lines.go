package logged

import "fmt"

// Line is a log line that a metric counts.
type Line struct {
	// Metric is the metric's name, one per line.
	Metric string
	// Folder is the function that logs it.
	Folder  string
	Message string
}

// Retried is what a consumer logs for each lane whose records it returns to be retried,
// except for reasons that pass by themselves.
const Retried = "records will be retried"

// Lines returns every line that a metric counts.
func Lines() []Line {
	return []Line{
		{"PumpRetried", "pump-events", Retried},
		{"WriteRetried", "write-state", Retried},
		{"MicroserviceRetried", "run-microservice", Retried},
		{"EffectsParked", "run-microservice", "effects of an entity are parked"},
		{"EffectsParkedAgain", "retry-effects", "effects of an entity are parked"},
		{"EffectsMissed", "run-microservice", "events never came to the service in their order"},
		{"PlaybackRetried", "apply-playback", Retried},
		{"Quarantined", "pump-events", "records quarantined"},
		{"Foreign", "pump-events", "record of no lane quarantined"},
		{"HeadLost", "pump-events", "head of a lane is lost; restore the control table"},
		{"SetAside", "write-state", "events set aside"},
		{"Lost", "write-state", "generation is lost; a rebuild has to replace it"},
		{"Runaways", "write-state", "too many folds of a projection never returned; mend it"},
		{"Dropped", "apply-playback", "playback records of no lane dropped"},
		{"Damaged", "apply-playback", "damaged playback records dropped; the lane will be read again"},
		{"VerificationClean", "report-verification", "verification found nothing wrong"},
		{"VerificationDrift", "report-verification", "verification found drift"},
		{"VerificationFailed", "report-verification", "verification failed"},
		{"RunawaysInReplays", "apply-playback", "too many folds of a projection never returned; mend it"},
	}
}

// Pattern is the filter of CloudWatch Logs that matches the line.
func (l Line) Pattern() string { return fmt.Sprintf(`{ $.msg = %q }`, l.Message) }
