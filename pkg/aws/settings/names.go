package settings

import "fmt"

// Names are the names of a deployment's resources. They follow from the prefix alone,
// so that functions, stacks and reprise doctor agree.
type Names struct{ prefix string }

// NewNames checks a prefix: 2 to 32 lower-case letters, digits and hyphens, beginning
// with a letter.
func NewNames(prefix string) (Names, error) {
	if len(prefix) > maxPrefix || !prefixPattern.MatchString(prefix) {
		return Names{}, fmt.Errorf(
			"%q is not a prefix: expected 2 to %d lower-case letters, digits and hyphens, beginning with a letter",
			prefix,
			maxPrefix,
		)
	}
	return Names{prefix}, nil
}

// Prefix begins every name.
func (n Names) Prefix() string { return n.prefix }

// EventsTable is the event log.
func (n Names) EventsTable() string { return n.prefix + "-events" }

// ControlTable holds heads, manifests, replays, marks and the registry of generations.
func (n Names) ControlTable() string { return n.prefix + "-control" }

// EffectsTable is the effects log of a service.
func (n Names) EffectsTable() string { return n.prefix + "-effects" }

// KeysTable holds the wrapped keys of data subjects, where fields are declared personal.
func (n Names) KeysTable() string { return n.prefix + "-keys" }

// KeyAlias is the alias of the KMS key that wraps them.
func (n Names) KeyAlias() string { return "alias/" + n.prefix + "-personal" }

// GenerationPrefix begins the name of every generation's table.
func (n Names) GenerationPrefix() string { return n.prefix + "-generation-" }

// EventStream is the event stream.
func (n Names) EventStream() string { return n.prefix + "-event-stream" }

// PlaybackStream is the playback stream.
func (n Names) PlaybackStream() string { return n.prefix + "-playback" }

// StateMachine is the replay state machine.
func (n Names) StateMachine() string { return n.prefix + "-replay" }

// VerifyMachine is the state machine of verifications.
func (n Names) VerifyMachine() string { return n.prefix + "-verify" }

// Function is the function of a folder.
func (n Names) Function(folder string) string { return n.prefix + "-" + folder }

// Stack is a stack: "data", "ingest", "replay" or "operations".
func (n Names) Stack(kind string) string { return n.prefix + "-" + kind }

// Stacks are the kinds of stacks, in deployment order.
func Stacks() []string { return []string{"data", "ingest", "replay", "operations"} }

// Functions are the folders of all functions.
func Functions() []string {
	return []string{
		"load-events", "import-events", "serve-api",
		"pump-events", "write-state", "run-microservice", "retry-effects", "keep-consumers", "watch-log",
		"plan-replay", "read-segment", "apply-playback", "check-drained", "prove-completeness",
		"follow-stream", "promote-generation", "await-resume", "control-replay", "report-replay", "close-replay",
		"plan-verification", "verify-lanes", "report-verification",
	}
}
