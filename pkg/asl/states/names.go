package states

import (
	"cmp"
	"regexp"
	"strings"
)

// The service's limits, in bytes of UTF-8 unless they say otherwise.
const (
	// MaxPayloadBytes bounds a state's input, output and arguments, one
	// variable and one Assign, as JSON.
	MaxPayloadBytes = 262_144
	// MaxVariablesBytes bounds all variables of an execution together.
	MaxVariablesBytes = 10 << 20
	// MaxEvents is how many events the history of one execution may have.
	MaxEvents = 25_000
	// MaxCauseBytes and MaxErrorBytes bound what history tells of an error.
	MaxCauseBytes = 32_768
	MaxErrorBytes = 256
)

var validName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

// ValidName reports whether a machine, an execution or a label may have that
// name. It is narrower than the service's rule: what it leaves out makes the
// service's logs incomplete.
func ValidName(name string) bool { return validName.MatchString(name) }

// ARNs builds and takes apart the names of things. An id is what follows the
// fixed part of an ARN: machine:name for an execution, machine/label:uuid for
// a child execution and for a map run.
type ARNs struct{ Region, Account string }

// NewARNs are those of a region and an account; where empty, of us-east-1 and
// 000000000000.
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

// MachineName takes the name from a state machine's ARN, as ExecutionID does.
func (a ARNs) MachineName(arn string) (string, bool) {
	return strings.CutPrefix(arn, a.arn("stateMachine", ""))
}

// ExecutionID takes the id from an execution's ARN, and reports false where it
// is none of this region and account.
func (a ARNs) ExecutionID(arn string) (string, bool) {
	return strings.CutPrefix(arn, a.arn("execution", ""))
}

// MapRunID takes the id from a map run's ARN, as ExecutionID does.
func (a ARNs) MapRunID(arn string) (string, bool) { return strings.CutPrefix(arn, a.arn("mapRun", "")) }
