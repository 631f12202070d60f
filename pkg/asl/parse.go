package asl

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"reprise/pkg/asl/jsonata"
)

// MaxDefinitionBytes is the service's limit for a definition.
const MaxDefinitionBytes = 1 << 20

// Parse reads a definition, replaces its ${Name} placeholders and checks it:
// it refuses by name, in a *DefinitionError, what the service refuses and what
// the engine does not support. Lint gives further advice.
func Parse(definition []byte, substitutions map[string]string) (*Machine, error) {
	p := newParser()
	definition, object := p.decode(definition, substitutions)
	if err := p.err(); err != nil {
		return nil, err
	}
	m := p.machine(object)
	if err := p.err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(definition)
	m.definition, m.hash = definition, hex.EncodeToString(sum[:])
	return m, nil
}

// ParseState reads the definition of a single state and gives it a name. It checks
// what Parse checks, except that the states that follow need not exist.
func ParseState(name string, definition []byte) (*State, error) {
	p := newParser()
	_, object := p.decode(definition, nil)
	if err := p.err(); err != nil {
		return nil, err
	}
	s := p.state(name, object)
	if language, _ := object.Get("QueryLanguage"); language == nil {
		p.problem(name, "QueryLanguage", "must be \"JSONata\": the default, JSONPath, is not supported")
	}
	p.checkScopes(&Flow{States: []*State{s}}, nil)
	return s, p.err()
}

func newParser() *parser { return &parser{labels: map[string]bool{}, names: map[string]bool{}} }

// decode replaces the placeholders of a definition and decodes it. If it cannot,
// the parser has a problem.
func (p *parser) decode(definition []byte, substitutions map[string]string) ([]byte, *jsonata.Object) {
	if len(definition) > MaxDefinitionBytes {
		p.problem("", "", fmt.Sprintf("the definition is longer than %d bytes", MaxDefinitionBytes))
		return nil, nil
	}
	definition = p.substitute(definition, substitutions)
	v, err := jsonata.Decode(definition)
	if err != nil {
		p.problem("", "", err.Error())
		return nil, nil
	}
	p.refuseDuplicates(definition)
	object, ok := v.(*jsonata.Object)
	if !ok {
		p.problem("", "", "the definition must be an object")
	}
	return definition, object
}

type parser struct {
	problems []Problem
	names    map[string]bool
	labels   map[string]bool
}

// maxProblems limits the problems that are reported of one definition.
const maxProblems = 1000

func (p *parser) problem(state, field, reason string) {
	if len(p.problems) == maxProblems {
		return
	}
	p.problems = append(p.problems, Problem{State: state, Field: field, Reason: reason})
}

func (p *parser) refusedAt(state, field string) bool {
	for _, have := range p.problems {
		if have.State == state && have.Field == field {
			return true
		}
	}
	return false
}

func (p *parser) err() error {
	if len(p.problems) == 0 {
		return nil
	}
	return &DefinitionError{Problems: p.problems}
}

func (p *parser) fields(state, prefix string, object *jsonata.Object) *fields {
	return &fields{
		parser: p,
		state:  state,
		prefix: prefix,
		object: object,
		known:  map[string]bool{"Comment": true},
	}
}

var (
	placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)
	validName   = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

// substitute replaces placeholders in the text, so that everything else keeps
// its order and spelling.
func (p *parser) substitute(definition []byte, values map[string]string) []byte {
	refuse := func(match []byte, why string) {
		if len(p.problems) < maxProblems {
			line := 1 + bytes.Count(definition[:bytes.Index(definition, match)], []byte("\n"))
			p.problem("", "", fmt.Sprintf("line %d: placeholder %s %s", line, match, why))
		}
	}
	return placeholder.ReplaceAllFunc(definition, func(match []byte) []byte {
		name := string(match[2 : len(match)-1])
		value, found := values[name]
		switch {
		case !validName.MatchString(name):
			refuse(match, "is malformed: use ${Name}")
		case !found:
			refuse(match, fmt.Sprintf("has no value: give one for %q", name))
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			return match
		}
		return quoted[1 : len(quoted)-1]
	})
}

// refuseDuplicates refuses duplicate members, of which decoding would silently
// keep one.
func (p *parser) refuseDuplicates(definition []byte) {
	type level struct {
		isObject, atValue bool
		seen              map[string]bool
	}
	dec := json.NewDecoder(strings.NewReader(string(definition)))
	var stack []level
	for {
		token, err := dec.Token()
		if err != nil {
			return
		}
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].isObject {
			top := &stack[n-1]
			if name, ok := token.(string); ok && !top.atValue {
				if top.seen[name] {
					p.problem("", "", fmt.Sprintf("member %q appears twice in one object", name))
				}
				top.seen[name], top.atValue = true, true
				continue
			}
			top.atValue = false
		}
		if d, ok := token.(json.Delim); ok {
			stack = append(stack, level{isObject: d == '{', seen: map[string]bool{}})
		}
	}
}

func (p *parser) machine(object *jsonata.Object) *Machine {
	f := p.fields("", "", object)
	m := &Machine{Comment: f.text("Comment")}
	if language := f.text("QueryLanguage"); language != "JSONata" {
		f.refuse("QueryLanguage", "must be \"JSONata\": the default, JSONPath, is not supported")
	}
	if version := f.text("Version"); version != "" && version != "1.0" {
		f.refuse("Version", "must be \"1.0\"")
	}
	m.TimeoutSeconds = int64(f.constant("TimeoutSeconds", 0, 1, 99_999_999, true))
	m.flow = p.flow(f)
	f.done()
	p.checkScopes(m.flow, nil)
	return m
}

// flow reads StartAt and States of a machine, a branch or an item processor.
func (p *parser) flow(f *fields) *Flow {
	flow := &Flow{StartAt: f.required("StartAt"), byName: map[string]*State{}}
	if language := f.text("QueryLanguage"); language != "" && language != "JSONata" {
		f.refuse("QueryLanguage", "must be \"JSONata\"")
	}
	v, _ := f.get("States")
	states, ok := v.(*jsonata.Object)
	if !ok || states.Len() == 0 {
		f.refuse("States", "must be an object of at least one state")
		return flow
	}
	for name, v := range states.All() {
		p.checkName(name)
		object, ok := v.(*jsonata.Object)
		if !ok {
			p.problem(name, "", "must be an object")
			continue
		}
		s := p.state(name, object)
		flow.States = append(flow.States, s)
		flow.byName[name] = s
	}
	p.checkGraph(f, flow)
	return flow
}

func (p *parser) checkName(name string) {
	if p.names[name] {
		p.problem(name, "", "the name appears twice: names must be unique in the whole machine")
	}
	p.names[name] = true
	if name == "" || len(name) > 80 {
		p.problem(name, "", "a name must have 1 to 80 characters")
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			p.problem(name, "", "a name must consist of printable ASCII characters: logs drop others")
			return
		}
	}
}

// checkGraph refuses targets that do not exist and unreachable states.
func (p *parser) checkGraph(f *fields, flow *Flow) {
	if flow.StartAt != "" && flow.State(flow.StartAt) == nil {
		f.refuse("StartAt", "names a state that does not exist here: %q", flow.StartAt)
		return
	}
	reached := map[string]bool{}
	queue := []string{flow.StartAt}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		s := flow.State(name)
		if s == nil || reached[name] {
			continue
		}
		reached[name] = true
		queue = append(queue, s.targets()...)
	}
	for _, s := range flow.States {
		if !reached[s.Name] {
			p.problem(s.Name, "", "is never reached: name it in a Next, or remove it")
		}
		for _, target := range s.targets() {
			if flow.State(target) == nil {
				p.problem(s.Name, "Next", fmt.Sprintf("names a state that does not exist here: %q", target))
			}
		}
	}
}

// checkScopes refuses assignments to a variable of an outer scope.
func (p *parser) checkScopes(flow *Flow, outer map[string]bool) {
	visible := map[string]bool{}
	for name := range outer {
		visible[name] = true
	}
	for _, s := range flow.States {
		for _, a := range s.assignments() {
			if outer[a.Name] {
				p.problem(s.Name, "Assign."+a.Name,
					"the variable belongs to an outer scope, which inner states can only read: choose another name")
			}
			visible[a.Name] = true
		}
	}
	for _, s := range flow.States {
		for _, inner := range s.flows() {
			if s.Map != nil && s.Map.Distributed {
				p.checkScopes(inner, nil)
			} else {
				p.checkScopes(inner, visible)
			}
		}
	}
}

// assignments are all Assign fields of a state.
func (s *State) assignments() []Assignment {
	all := append([]Assignment(nil), s.Assign...)
	for _, c := range s.Catch {
		all = append(all, c.Assign...)
	}
	for _, r := range s.Choices {
		all = append(all, r.Assign...)
	}
	return all
}
