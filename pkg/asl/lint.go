package asl

import (
	"fmt"
	"slices"
	"strings"

	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// Lint gives advice about a machine that Parse accepts, in the order of the
// file: what would fail at run time, and what this project's rules require.
func Lint(m *Machine) []Problem {
	l := &linter{}
	l.flow(m.flow, nil, "")
	return l.problems
}

type linter struct{ problems []Problem }

func (l *linter) advise(s *State, field, format string, args ...any) {
	l.problems = append(l.problems, Problem{State: s.Name, Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (l *linter) flow(flow *Flow, outer []string, within string) {
	visible := slices.Clone(outer)
	for _, s := range flow.States {
		for _, a := range s.assignments() {
			visible = append(visible, a.Name)
		}
	}
	for _, s := range flow.States {
		l.state(s, visible)
		for _, inner := range s.flows() {
			if s.Map != nil && s.Map.Distributed {
				l.flow(inner, nil, s.Name)
			} else {
				l.flow(inner, visible, within)
			}
		}
	}
}

func (l *linter) state(s *State, visible []string) {
	switch s.Type {
	case TypeTask:
		l.task(s)
	case TypeMap:
		l.distributed(s)
	case TypeChoice:
		if s.Default == "" {
			l.advise(s, "Default", "is missing: an execution fails if no rule matches")
		}
	case TypeFail:
		if name, ok := s.Error.constantString(); ok && strings.HasPrefix(name, "States.") {
			l.advise(s, "Error", "%q: names of your own must not begin with States.", name)
		}
	}
	for _, use := range s.uses() {
		l.use(s, use, visible)
	}
	for i, c := range s.Catch {
		if slices.Contains(c.ErrorEquals, "States.BranchFailed") {
			l.advise(s, fmt.Sprintf("Catch[%d].ErrorEquals", i),
				"States.BranchFailed is rarely reported: name the branch's own error")
		}
	}
}

func (l *linter) task(s *State) {
	if s.TimeoutSeconds == nil {
		l.advise(s, "TimeoutSeconds", "is missing: a task that never answers would wait for three years")
	}
	if s.WaitsForToken() && !mentionsToken(s.Arguments) {
		l.advise(s, "Arguments.Payload", "does not pass on $states.context.Task.Token: nobody can end the task")
	}
	if len(s.Retry) == 0 {
		l.advise(s, "Retry", "is missing: transient errors of the service fail the task")
	}
	seen := map[string]bool{}
	for i, r := range s.Retry {
		for _, name := range r.ErrorEquals {
			if seen[name] {
				l.advise(s, fmt.Sprintf("Retry[%d].ErrorEquals", i), "%s has no effect: an earlier retrier matches it", name)
			}
			seen[name] = true
		}
		if wildcard := slices.ContainsFunc(r.ErrorEquals, isWildcard); wildcard && i < len(s.Retry)-1 {
			l.advise(s, fmt.Sprintf("Retry[%d].ErrorEquals", i), "a wildcard hides the retriers below it: put it last")
		}
	}
}

func isWildcard(name string) bool { return name == states.ErrorAll || name == states.ErrorTaskFailed }

func mentionsToken(t *Template) bool {
	return slices.ContainsFunc(t.Expressions(), func(e *jsonata.Expr) bool {
		return slices.ContainsFunc(e.References(), func(r jsonata.Reference) bool {
			return r.Variable == "states" && slices.Equal(r.Path, []string{"context", "Task", "Token"})
		})
	})
}

func (l *linter) distributed(s *State) {
	if !s.Map.Distributed {
		return
	}
	if s.Map.MaxConcurrency == nil {
		l.advise(s, "MaxConcurrency", "is missing: up to 10,000 child executions run at once")
	}
	if len(s.Retry) > 0 {
		l.advise(s, "Retry", "restarts all items in a new map run: retry inside the child executions")
	}
	tolerates := s.Map.ToleratedFailureCount != nil || s.Map.ToleratedFailurePercentage != nil
	if tolerates && (s.Output == nil || readsResults(s.Output)) {
		l.advise(s, "Output", "uses the list of results, which omits failed child executions: set another Output")
	}
}

// readsResults reports whether a template reads the list of results as such. Sums of a
// member of the results are no list, and those without the member add nothing.
func readsResults(t *Template) bool {
	return slices.ContainsFunc(t.Expressions(), func(e *jsonata.Expr) bool {
		return slices.ContainsFunc(e.References(), func(r jsonata.Reference) bool {
			return r.Variable == "states" && (r.Field == "" || r.Field == "result" && len(r.Path) < 2)
		})
	})
}

// use is one template and what it may read.
type use struct {
	template            *Template
	result, errorOutput bool
}

func (s *State) uses() []use {
	hasResult := s.Type == TypeTask || s.Type == TypeMap || s.Type == TypeParallel
	all := []use{{s.Output, hasResult, false}}
	for _, t := range []*Template{s.Arguments, s.Timestamp, s.Error, s.Cause} {
		all = append(all, use{t, false, false})
	}
	add := func(assigns []Assignment, result, errorOutput bool) {
		for _, a := range assigns {
			all = append(all, use{a.Value, result, errorOutput})
		}
	}
	add(s.Assign, hasResult, false)
	for _, c := range s.Catch {
		all = append(all, use{c.Output, false, true})
		add(c.Assign, false, true)
	}
	for _, r := range s.Choices {
		all = append(all, use{r.Condition, false, false}, use{r.Output, false, false})
		add(r.Assign, false, false)
	}
	numbers := []*Number{s.TimeoutSeconds, s.HeartbeatSeconds, s.Seconds}
	if m := s.Map; m != nil {
		all = append(all, use{m.Items, false, false}, use{m.ItemSelector, false, false})
		numbers = append(numbers, m.MaxConcurrency, m.ToleratedFailureCount, m.ToleratedFailurePercentage)
		if m.Batcher != nil {
			all = append(all, use{m.Batcher.BatchInput, false, false})
			numbers = append(numbers, m.Batcher.MaxItems, m.Batcher.MaxBytes)
		}
	}
	for _, n := range numbers {
		if n != nil {
			all = append(all, use{n.template, false, false})
		}
	}
	return all
}

func (l *linter) use(s *State, u use, visible []string) {
	if u.template == nil {
		return
	}
	l.strings(s, u.template)
	for _, e := range u.template.Expressions() {
		for _, r := range e.References() {
			switch {
			case r.Variable != "states" && !slices.Contains(visible, r.Variable):
				l.advise(s, u.template.field.String(), "reads $%s, which no state assigns in a scope visible here", r.Variable)
			case r.Variable != "states" || r.Field == "" || r.Field == "input" || r.Field == "context":
			case r.Field == "result" && !u.result:
				l.advise(s, u.template.field.String(),
					"reads $states.result, which exists only in Output and Assign of Task, Map and Parallel")
			case r.Field == "errorOutput" && !u.errorOutput:
				l.advise(s, u.template.field.String(), "reads $states.errorOutput, which exists only in Catch")
			case r.Field != "result" && r.Field != "errorOutput":
				l.advise(s, u.template.field.String(), "reads $states.%s, which does not exist", r.Field)
			}
		}
	}
}

// strings finds literals that are probably meant to be expressions.
func (l *linter) strings(s *State, t *Template) {
	if text, ok := t.constantString(); ok && (strings.Contains(text, open) || strings.HasPrefix(text, "$")) {
		l.advise(s, t.field.String(), "%q is a literal: an expression must begin with {%% and end with %%}", text)
	}
	for _, inner := range t.values {
		l.strings(s, inner)
	}
}
