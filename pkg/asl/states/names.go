package states

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The service's limits, in bytes of UTF-8 unless stated otherwise.
const (
	// MaxPayloadBytes limits a state's input, output and arguments, one
	// variable and one Assign, as JSON.
	MaxPayloadBytes = 262_144
	// MaxVariablesBytes limits the sum of all variables of an execution.
	MaxVariablesBytes = 10 << 20
	// MaxEvents limits the number of events in the history of one execution.
	MaxEvents = 25_000
	// MaxCauseBytes and MaxErrorBytes limit an error in a history event.
	MaxCauseBytes = 32_768
	MaxErrorBytes = 256
)

// MaxNameCharacters limits the name of a machine or an execution.
const MaxNameCharacters = 80

// ValidName reports whether the service accepts a name of a machine, an
// execution or a label. Some of its logs are incomplete for names with other
// characters than 0-9 A-Z a-z _ -.
func ValidName(name string) bool {
	return name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= MaxNameCharacters &&
		!strings.ContainsFunc(name, forbiddenInName)
}

func forbiddenInName(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF || r == unicode.MaxRune ||
		strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r)
}

// ARNs builds and parses ARNs. An id is the last part of an ARN: machine:name
// for an execution, machine/label:uuid for a child execution or a map run.
type ARNs struct{ Region, Account string }

// NewARNs makes ARNs for a region and an account, which default to us-east-1
// and 000000000000.
func NewARNs(region, account string) ARNs {
	return ARNs{Region: cmp.Or(region, "us-east-1"), Account: cmp.Or(account, "000000000000")}
}

func (a ARNs) arn(kind, id string) string {
	return "arn:aws:states:" + a.Region + ":" + a.Account + ":" + kind + ":" + id
}

// Execution is the ARN of an execution.
func (a ARNs) Execution(id string) string { return a.arn("execution", id) }

// MapRun is the ARN of a map run.
func (a ARNs) MapRun(id string) string { return a.arn("mapRun", id) }

// Machine is the ARN of a state machine.
func (a ARNs) Machine(name string) string { return a.arn("stateMachine", name) }

// MachineName extracts the name from a state machine's ARN, as ExecutionID does.
func (a ARNs) MachineName(arn string) (string, bool) {
	return strings.CutPrefix(arn, a.arn("stateMachine", ""))
}

// ExecutionID extracts the id from an execution's ARN, or returns false if arn
// is not an execution of this region and account.
func (a ARNs) ExecutionID(arn string) (string, bool) {
	return strings.CutPrefix(arn, a.arn("execution", ""))
}

// MapRunID extracts the id from a map run's ARN, as ExecutionID does.
func (a ARNs) MapRunID(arn string) (string, bool) { return strings.CutPrefix(arn, a.arn("mapRun", "")) }
