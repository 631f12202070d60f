package asl

import (
	"regexp"
	"strings"
	"time"
)

// MaxPayloadBytes is the service's limit for a state's input, output and
// arguments, for one variable and for one Assign, in bytes of UTF-8 JSON.
const MaxPayloadBytes = 262_144

// MaxVariablesBytes is its limit for all variables of an execution.
const MaxVariablesBytes = 10 << 20

// MaxEvents is its limit for the history of one execution.
const MaxEvents = 25_000

var executionName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)

// validExecutionName is narrower than the service's rule: what it leaves out
// makes the service's logs incomplete.
func validExecutionName(name string) bool { return executionName.MatchString(name) }

const timeLayout = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

func parseTime(text string) (time.Time, error) { return time.Parse(time.RFC3339, text) }

// arns builds and takes apart the names of things. An id is what follows the
// fixed part of an ARN: machine:name for an execution, machine/label:uuid for
// a child execution and for a map run.
type arns struct{ region, account string }

func (a arns) arn(kind, id string) string {
	return "arn:aws:states:" + a.region + ":" + a.account + ":" + kind + ":" + id
}

func (a arns) execution(id string) string { return a.arn("execution", id) }
func (a arns) mapRun(id string) string    { return a.arn("mapRun", id) }
func (a arns) machine(name string) string { return a.arn("stateMachine", name) }

func (a arns) executionID(arn string) (string, bool) {
	return strings.CutPrefix(arn, a.arn("execution", ""))
}
func (a arns) mapRunID(arn string) (string, bool) { return strings.CutPrefix(arn, a.arn("mapRun", "")) }
