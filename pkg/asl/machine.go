package asl

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// The kinds of state.
const (
	TypeTask     = "Task"
	TypeMap      = "Map"
	TypeParallel = "Parallel"
	TypeChoice   = "Choice"
	TypeWait     = "Wait"
	TypePass     = "Pass"
	TypeSucceed  = "Succeed"
	TypeFail     = "Fail"
)

// The resources that a Task may have.
const (
	ResourceInvoke      = "arn:aws:states:::lambda:invoke"
	ResourceInvokeToken = "arn:aws:states:::lambda:invoke.waitForTaskToken"
)

// Machine is a parsed state machine, immutable and safe for concurrent use.
type Machine struct {
	Comment string
	// TimeoutSeconds bounds an execution; 0 means no bound.
	TimeoutSeconds int64
	flow           *Flow
	definition     []byte
	hash           string
}

// Flow is a graph of states: the machine's own, a branch or an item processor.
type Flow struct {
	StartAt string
	// States are in the order of the file.
	States []*State
	byName map[string]*State
}

// State returns the state of that name, nil where there is none.
func (f *Flow) State(name string) *State { return f.byName[name] }

// State is one state. Fields that its Type does not have are zero.
type State struct {
	Name, Type, Comment string
	Next                string
	End                 bool
	Output              *Template
	Assign              []Assignment
	Arguments           *Template

	Resource         string
	TimeoutSeconds   *Number
	HeartbeatSeconds *Number
	Retry            []Retrier
	Catch            []Catcher

	Choices []Rule
	Default string

	Seconds   *Number
	Timestamp *Template

	Error, Cause *Template

	Branches []*Flow
	Map      *MapFields
}

// MapFields are the fields that only a Map has.
type MapFields struct {
	Items        *Template
	Processor    *Flow
	Distributed  bool
	ItemSelector *Template
	Label        string

	MaxConcurrency             *Number
	ToleratedFailurePercentage *Number
	ToleratedFailureCount      *Number
	Batcher                    *Batcher
}

// Batcher groups the items of a distributed Map.
type Batcher struct {
	MaxItems, MaxBytes *Number
	BatchInput         *Template
}

// Assignment sets one variable.
type Assignment struct {
	Name  string
	Value *Template
}

// Rule is a choice rule.
type Rule struct {
	Condition *Template
	Next      string
	Output    *Template
	Assign    []Assignment
}

// Retrier configures the retries of some errors. Times are in seconds.
type Retrier struct {
	ErrorEquals     []string
	IntervalSeconds float64
	MaxAttempts     int
	BackoffRate     float64
	// MaxDelaySeconds is 0 if there is no maximum.
	MaxDelaySeconds float64
	FullJitter      bool
}

// Delay is the wait before the next retry, after n retries, without jitter.
func (r Retrier) Delay(n int) time.Duration {
	seconds := r.IntervalSeconds * math.Pow(r.BackoffRate, float64(n))
	if r.MaxDelaySeconds > 0 {
		seconds = min(seconds, r.MaxDelaySeconds)
	}
	return time.Duration(min(seconds, secondsLimit) * float64(time.Second))
}

// Catcher names the state that follows some errors.
type Catcher struct {
	ErrorEquals []string
	Next        string
	Output      *Template
	Assign      []Assignment
}

// Processor is the item processor of the Map of that name, nested ones
// included, or the machine's own graph if there is no such Map.
func (m *Machine) Processor(state string) *Flow {
	for _, s := range m.States() {
		if s.Name == state && s.Map != nil {
			return s.Map.Processor
		}
	}
	return m.flow
}

// Flow is the machine's own graph.
func (m *Machine) Flow() *Flow { return m.flow }

// Definition is the definition as it runs: placeholders replaced, nothing else
// changed. It must not be modified.
func (m *Machine) Definition() json.RawMessage { return m.definition }

// Hash identifies the definition.
func (m *Machine) Hash() string { return m.hash }

// States lists all states, each followed by the states nested in it.
func (m *Machine) States() []*State { return m.flow.all(nil) }

// Tasks lists the Task states, nested ones included.
func (m *Machine) Tasks() []*State {
	return slices.DeleteFunc(m.States(), func(s *State) bool { return s.Type != TypeTask })
}

// FunctionName is the function that a Task invokes, "" if it is an expression.
func (s *State) FunctionName() string {
	name, _ := s.Arguments.member("FunctionName").constantString()
	return name
}

// WaitsForToken reports whether a Task ends when its task token is returned.
func (s *State) WaitsForToken() bool { return s.Resource == ResourceInvokeToken }

func (f *Flow) all(into []*State) []*State {
	for _, s := range f.States {
		into = append(into, s)
		for _, inner := range s.flows() {
			into = inner.all(into)
		}
	}
	return into
}

// flows are the graphs inside a state.
func (s *State) flows() []*Flow {
	if s.Map != nil {
		return []*Flow{s.Map.Processor}
	}
	return s.Branches
}

// targets are the states that may follow.
func (s *State) targets() []string {
	var names []string
	if s.Next != "" {
		names = append(names, s.Next)
	}
	for _, c := range s.Catch {
		names = append(names, c.Next)
	}
	for _, r := range s.Choices {
		names = append(names, r.Next)
	}
	if s.Default != "" {
		names = append(names, s.Default)
	}
	return names
}

// Problem is one reason to refuse a definition.
type Problem struct {
	// State is the state's name, "" for the machine itself.
	State string
	// Field is the field of the state, such as "Retry[0].ErrorEquals".
	Field  string
	Reason string
}

func (p Problem) String() string {
	where := "machine"
	if p.State != "" {
		where = fmt.Sprintf("state %q", p.State)
	}
	if p.Field != "" {
		where += ", field " + p.Field
	}
	return where + ": " + p.Reason
}

// DefinitionError lists all problems of a refused definition, in the order of
// the file.
type DefinitionError struct{ Problems []Problem }

func (e *DefinitionError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return "state machine refused: " + strings.Join(lines, "; ")
}
