package interpreter

import (
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/asl"
	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// exit says how a state ends.
type exit struct {
	output *asl.Template
	assign []asl.Assignment
	next   string          // "" ends the thread
	def    json.RawMessage // the output if the state has no Output
	scope  scope
}

// leave evaluates Assign and Output on the same variables and leaves the state.
// An evaluation error is the state's failure; the caller decides whether it can
// be caught.
func (f *frame) leave(s *asl.State, way exit) (transition, error) {
	output, assigned, failure := f.results(s, way)
	if failure != nil {
		return transition{ends: true, failure: failure}, nil
	}
	text, details := states.Data(output)
	exited := &states.ExitedDetails{Name: s.Name, Output: text, OutputDetails: details}
	if len(assigned) > 0 {
		exited.AssignedVariables = map[string]string{}
		exited.AssignedVariablesDetails = &states.DataDetails{}
		vars := make(map[string]json.RawMessage, len(f.rec.Vars)+len(assigned))
		for name, raw := range f.rec.Vars {
			vars[name] = raw
		}
		for name, raw := range assigned {
			vars[name] = raw
			exited.AssignedVariables[name] = string(raw)
		}
		f.rec.Vars = vars
	}
	f.event(states.Event{Type: s.Type + "StateExited", StateExited: exited})
	return transition{next: way.next, ends: way.next == "", output: output}, nil
}

func (f *frame) results(s *asl.State, way exit) (json.RawMessage, map[string]json.RawMessage, *states.Failure) {
	lookup := f.lookup(way.scope)
	assigned := map[string]json.RawMessage{}
	total := 0
	for _, a := range way.assign {
		raw, err := a.Value.EvalJSON(lookup)
		if err != nil {
			return nil, nil, f.evaluationFailed(s, err)
		}
		total += len(raw)
		assigned[a.Name] = raw
		if total > states.MaxPayloadBytes {
			return nil, nil, tooLarge(s, "variables of one Assign", total)
		}
	}
	if sum := f.x.variableBytes(f, assigned); sum > states.MaxVariablesBytes {
		return nil, nil, &states.Failure{Error: states.ErrorDataLimit, Cause: fmt.Sprintf(
			"The variables of the execution have %d bytes; the limit is %d.", sum, states.MaxVariablesBytes)}
	}
	output := way.def
	if way.output != nil {
		var err error
		if output, err = way.output.EvalJSON(lookup); err != nil {
			return nil, nil, f.evaluationFailed(s, err)
		}
	}
	if len(output) > states.MaxPayloadBytes {
		return nil, nil, tooLarge(s, "output", len(output))
	}
	return output, assigned, nil
}

// checkData refuses data that entered the execution, or was put together, beyond
// the limits of size, depth and number range.
func checkData(s *asl.State, what string, raw json.RawMessage) *states.Failure {
	if len(raw) > states.MaxPayloadBytes {
		return tooLarge(s, what, len(raw))
	}
	if err := jsonata.Check(raw); err != nil {
		return &states.Failure{Error: states.ErrorDataLimit,
			Cause: fmt.Sprintf("The %s of state %q cannot be used: %s.", what, s.Name, err)}
	}
	return nil
}

func tooLarge(s *asl.State, what string, size int) *states.Failure {
	return &states.Failure{Error: states.ErrorDataLimit, Cause: fmt.Sprintf(
		"The %s of state %q has %d bytes; the maximum number of bytes service limit is %d.",
		what, s.Name, size, states.MaxPayloadBytes)}
}

// variableBytes is the size of all variables visible in a frame after the
// assignments.
func (x *Execution) variableBytes(f *frame, assigned map[string]json.RawMessage) int {
	sum := 0
	for _, raw := range assigned {
		sum += len(raw)
	}
	for at := f; at != nil; at = at.parent {
		for name, raw := range at.rec.Vars {
			if _, replaced := assigned[name]; !replaced || at != f {
				sum += len(raw)
			}
		}
	}
	return sum
}

// evaluationFailed records that an expression failed and returns the state's
// failure.
func (f *frame) evaluationFailed(s *asl.State, err error) *states.Failure {
	location := ""
	if e := (*asl.EvaluationError)(nil); errors.As(err, &e) {
		location = e.Location
	}
	cause := fmt.Sprintf("An error occurred while executing the state %q. %s", s.Name, err)
	f.event(states.Event{Type: "EvaluationFailed", EvaluationFailed: &states.EvaluationDetails{
		State:    s.Name,
		Location: location,
		Error:    states.ErrorQueryEvaluation,
		Cause:    states.Cut(cause, states.MaxCauseBytes),
	}})
	return &states.Failure{Error: states.ErrorQueryEvaluation, Cause: cause}
}

// choose runs a Choice. Rules are tried in order; the state's own Output and
// Assign belong to Default.
func (f *frame) choose(s *asl.State) (transition, error) {
	lookup := f.lookup(scope{})
	for _, rule := range s.Choices {
		v, err := rule.Condition.Eval(lookup)
		if err == nil {
			if _, ok := v.(bool); !ok {
				err = rule.Condition.Refuse("the condition is not true or false")
			}
		}
		if err != nil {
			return transition{ends: true, failure: f.evaluationFailed(s, err)}, nil
		}
		if v == true {
			return f.leave(s, exit{output: rule.Output, assign: rule.Assign, next: rule.Next, def: f.rec.Input})
		}
	}
	if s.Default == "" {
		return transition{ends: true, failure: &states.Failure{
			Error: states.ErrorNoChoiceMatched,
			Cause: fmt.Sprintf("No rule of Choice %q matched, and it has no Default.", s.Name),
		}}, nil
	}
	return f.leave(s, exit{output: s.Output, assign: s.Assign, next: s.Default, def: f.rec.Input})
}

func (f *frame) fail(s *asl.State) (transition, error) {
	lookup := f.lookup(scope{})
	failure := &states.Failure{}
	for _, part := range []struct {
		name string
		from *asl.Template
		to   *string
	}{{"error", s.Error, &failure.Error}, {"cause", s.Cause, &failure.Cause}} {
		if part.from == nil {
			continue
		}
		text, err := part.from.EvalText(lookup)
		if err != nil {
			return transition{ends: true, failure: f.evaluationFailed(s, err)}, nil
		}
		if len(text) > states.MaxPayloadBytes {
			return transition{ends: true, failure: tooLarge(s, part.name, len(text))}, nil
		}
		*part.to = text
	}
	return transition{ends: true, failure: failure}, nil
}

// errorOutput is the value of $states.errorOutput in a Catcher.
func errorOutput(failure *states.Failure) *jsonata.Object {
	return object("Error", failure.Error, "Cause", failure.Cause)
}
