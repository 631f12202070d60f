package workflows_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/asl"
	"reprise/pkg/steps"
	"reprise/workflows"
)

const placeholder = `\$\{(\w+Arn)\}`

// substituted is the replay state machine as it is deployed.
func substituted(t *testing.T) []byte {
	t.Helper()
	return withFunctions(t, workflows.Replay())
}

// withFunctions is a definition as it is deployed.
func withFunctions(t *testing.T, text string) []byte {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatal("the file is not valid JSON as it is stored")
	}
	const arn = "arn:aws:lambda:eu-west-1:123456789012:function:$1"
	return []byte(regexp.MustCompile(placeholder).ReplaceAllString(text, arn))
}

func substitutions() map[string]string {
	all := make(map[string]string)
	every := workflows.Replay() + workflows.Control() + workflows.Verify()
	for _, found := range regexp.MustCompile(placeholder).FindAllStringSubmatch(every, -1) {
		all[found[1]] = "arn:aws:lambda:eu-west-1:123456789012:function:" + found[1]
	}
	return all
}

// TestTheRunnerTakesItWithoutAdvice applies every rule of Parse and Lint:
// fields per state, JSONata that parses and uses only assigned variables,
// time-outs, retries.
func TestTheRunnerTakesItWithoutAdvice(t *testing.T) {
	for _, definition := range []string{workflows.Replay(), workflows.Control(), workflows.Verify()} {
		machine, err := asl.Parse([]byte(definition), substitutions())
		if err != nil {
			t.Fatal(err)
		}
		for _, advice := range asl.Lint(machine) {
			t.Errorf("%+v", advice)
		}
	}
}

// state is the part of a state that these checks read.
type state struct {
	Type, Next, Default, Resource string
	End                           bool
	TimeoutSeconds                any
	Retry, Catch                  []handler
	Choices                       []struct{ Next string }
	ItemProcessor                 *flow
	Branches                      []flow
	Arguments                     struct {
		FunctionName string
		Payload      map[string]any
	}
	ItemSelector, Assign map[string]any
	Output               any
	Label                string
}

type handler struct {
	ErrorEquals                  []string
	Next                         string
	IntervalSeconds, MaxAttempts *float64
	BackoffRate                  *float64
}

type flow struct {
	StartAt string
	States  map[string]state
}

func decoded(t *testing.T) flow {
	t.Helper()
	var machine flow
	if err := json.Unmarshal(substituted(t), &machine); err != nil {
		t.Fatal(err)
	}
	return machine
}

// everyMachine is all state machines.
func everyMachine(t *testing.T) []flow {
	t.Helper()
	machines := []flow{decoded(t)}
	for _, text := range []string{workflows.Control(), workflows.Verify()} {
		var machine flow
		if err := json.Unmarshal(withFunctions(t, text), &machine); err != nil {
			t.Fatal(err)
		}
		machines = append(machines, machine)
	}
	return machines
}

// everyState visits all states of all machines.
func everyState(t *testing.T, visit func(name string, s state)) {
	t.Helper()
	for _, machine := range everyMachine(t) {
		machine.each(visit)
	}
}

// each visits all states, including inner ones.
func (f flow) each(visit func(name string, s state)) {
	for name, s := range f.States {
		visit(name, s)
		if s.ItemProcessor != nil {
			s.ItemProcessor.each(visit)
		}
		for _, branch := range s.Branches {
			branch.each(visit)
		}
	}
}

// successors are the states that can follow.
func (s state) successors() []string {
	var all []string
	for _, next := range []string{s.Next, s.Default} {
		if next != "" {
			all = append(all, next)
		}
	}
	for _, choice := range s.Choices {
		all = append(all, choice.Next)
	}
	for _, handler := range s.Catch {
		all = append(all, handler.Next)
	}
	return all
}

// unreachable are the states that no path leads to, including those of inner
// flows.
func (f flow) unreachable() []string {
	seen := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, next := range f.States[name].successors() {
			walk(next)
		}
	}
	walk(f.StartAt)
	var lost []string
	for name, s := range f.States {
		if !seen[name] {
			lost = append(lost, name)
		}
		if s.ItemProcessor != nil {
			lost = append(lost, s.ItemProcessor.unreachable()...)
		}
	}
	return lost
}

func TestEveryStateIsReached(t *testing.T) {
	for _, machine := range everyMachine(t) {
		if lost := machine.unreachable(); len(lost) > 0 {
			t.Errorf("no path leads to %v", lost)
		}
	}
}

// The retries that every task has, by name and in this order. No general one
// precedes them.
var standard = [][]string{
	{
		"Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
		"Lambda.ClientExecutionTimeoutException",
	},
	{"Lambda.TooManyRequestsException", "Reprise.Throttled"},
	{"Reprise.Transient"},
	{"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout"},
}

// waits reports whether a task waits for people.
func (s state) waits() bool { return strings.HasSuffix(s.Resource, ".waitForTaskToken") }

// longest is the longest time that a task may take, in seconds: that of a Lambda
// function, or for people, a year.
func (s state) longest() float64 {
	if s.waits() {
		return 365 * 24 * 60 * 60
	}
	return 900
}

// retried are the errors of a task's retrier. Who waited for a year does not wait
// again.
func (s state) retried(i int) []string {
	if !s.waits() {
		return standard[i]
	}
	return slices.DeleteFunc(slices.Clone(standard[i]), func(name string) bool { return name == "States.Timeout" })
}

func TestTasksEndAndRetryByName(t *testing.T) {
	tasks := 0
	everyState(t, func(name string, s state) {
		if s.Type == "Map" && len(s.Retry) > 0 {
			t.Errorf("%s: a retry of a Map starts all items anew", name)
		}
		if s.Type != "Task" {
			return
		}
		tasks++
		seconds, ok := s.TimeoutSeconds.(float64)
		if most := s.longest(); !ok || seconds < 1 || seconds > most {
			t.Errorf("%s has the time-out %v; it may take at most %v s", name, s.TimeoutSeconds, most)
		}
		if s.Resource != "arn:aws:states:::lambda:invoke" && s.Resource != "arn:aws:states:::lambda:invoke.waitForTaskToken" {
			t.Errorf("%s calls %s", name, s.Resource)
		}
		if len(s.Retry) != len(standard) {
			t.Fatalf("%s has %d retriers", name, len(s.Retry))
		}
		for i, retrier := range s.Retry {
			if !slices.Equal(retrier.ErrorEquals, s.retried(i)) {
				t.Errorf("%s: retrier %d is for %v", name, i, retrier.ErrorEquals)
			}
			if retrier.BackoffRate != nil && *retrier.BackoffRate < 1 || retrier.MaxAttempts == nil || *retrier.MaxAttempts < 1 {
				t.Errorf("%s: retrier %d: %+v", name, i, retrier)
			}
		}
		for i, catcher := range s.Catch {
			if slices.Contains(catcher.ErrorEquals, "States.ALL") && (i < len(s.Catch)-1 || len(catcher.ErrorEquals) > 1) {
				t.Errorf("%s: States.ALL is not alone and last", name)
			}
		}
	})
	if tasks != 15 {
		t.Errorf("%d tasks", tasks)
	}
}

// TestPayloadsAreBounded allows scalars only, so that no payload grows with the
// plan, the log or the number of lanes: ids, counts, a status, and the input,
// which the service itself limits and which only the first steps get. The only
// list is a Map's result; see the next test.
func TestPayloadsAreBounded(t *testing.T) {
	allowed := []string{"replay", "verification", "execution", "group", "input", "error", "cause", "childEvents",
		"childSeconds", "catchUp"}
	takeInput := []string{"PlanReplay", "ControlReplay", "PlanVerification"}
	everyState(t, func(name string, s state) {
		for key := range s.Arguments.Payload {
			if key == "token" && s.waits() {
				continue
			}
			if !slices.Contains(allowed, key) || (key == "input" && !slices.Contains(takeInput, name)) {
				t.Errorf("%s hands on %q", name, key)
			}
		}
		for key := range s.ItemSelector {
			if !slices.Contains([]string{"replay", "verification", "group", "execution", "lanes", "from", "to"}, key) {
				t.Errorf("%s passes each item %q", name, key)
			}
		}
	})
}

// TestErrorNamesAreThoseOfTheHandlers finds names that no function reports.
// What Lambda itself makes of a handler's error is tested with the functions.
func TestErrorNamesAreThoseOfTheHandlers(t *testing.T) {
	known := []string{steps.FaultInvalidInput, steps.FaultThrottled, steps.FaultTransient, steps.FaultStalled,
		steps.FaultCutTooOld, steps.FaultParked, steps.FaultConflict}
	decoded(t).each(func(name string, s state) {
		for _, h := range append(slices.Clone(s.Retry), s.Catch...) {
			for _, errorName := range h.ErrorEquals {
				if strings.HasPrefix(errorName, "Reprise.") && !slices.Contains(known, errorName) {
					t.Errorf("%s waits for %s, which nobody reports", name, errorName)
				}
			}
		}
	})
}
