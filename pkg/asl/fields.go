package asl

import (
	"fmt"
	"math"
	"strings"

	"reprise/pkg/asl/jsonata"
)

// fields reads the members of one object of a definition and collects its
// problems. done refuses the members that were not read.
type fields struct {
	parser *parser
	state  string
	prefix string
	object *jsonata.Object
	known  map[string]bool
}

func (f *fields) refuse(field, format string, args ...any) {
	if field == "" {
		field = strings.TrimSuffix(f.prefix, ".")
	} else {
		field = f.prefix + field
	}
	f.parser.problem(f.state, field, fmt.Sprintf(format, args...))
}

func (f *fields) get(name string) (any, bool) {
	f.known[name] = true
	return f.object.Get(name)
}

func (f *fields) text(name string) string {
	v, found := f.get(name)
	if !found {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		f.refuse(name, "must be a string")
	}
	return s
}

func (f *fields) required(name string) string {
	s := f.text(name)
	if _, found := f.object.Get(name); !found {
		f.refuse(name, "is missing")
	}
	return s
}

func (f *fields) flag(name string) bool {
	v, found := f.get(name)
	if !found {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		f.refuse(name, "must be true or false")
	}
	return b
}

// template reads a member in which any string may be an expression.
func (f *fields) template(name string) *Template {
	v, found := f.get(name)
	if !found {
		return nil
	}
	return compileTemplate(path{part: f.prefix + name}, v, f.refuseAt)
}

func (f *fields) refuseAt(field, reason string) { f.parser.problem(f.state, field, reason) }

// expression reads a member that is an expression, or a constant for which
// accepts returns true.
func (f *fields) expression(name, expected string, accepts func(any) bool) *Template {
	t := f.template(name)
	if t == nil || t.expr != nil || f.parser.refusedAt(f.state, t.field.String()) {
		return t
	}
	if t.isList || t.names != nil || !accepts(t.literal) {
		f.refuse(name, "must be %s", expected)
	}
	return t
}

func isString(v any) bool { _, ok := v.(string); return ok }

func (f *fields) number(name string, lowest, highest float64, whole bool) *Number {
	t := f.template(name)
	if t == nil {
		return nil
	}
	n := &Number{template: t, min: lowest, max: highest, whole: whole}
	if t.expr == nil && !f.parser.refusedAt(f.state, t.field.String()) {
		if _, err := n.within(t.literal); err != nil || t.isList || t.names != nil {
			f.refuse(name, "must be a number from %v to %v, or an expression for one", lowest, highest)
		}
	}
	return n
}

// constant reads a number that cannot be an expression.
func (f *fields) constant(name string, absent, lowest, highest float64, whole bool) float64 {
	v, found := f.get(name)
	if !found {
		return absent
	}
	n, ok := v.(float64)
	if !ok || n < lowest || n > highest || (whole && n != math.Trunc(n)) {
		f.refuse(name, "must be a number from %v to %v", lowest, highest)
		return absent
	}
	return n
}

func (f *fields) names(name string) []string {
	v, found := f.get(name)
	items, ok := v.([]any)
	if !found || !ok || len(items) == 0 {
		f.refuse(name, "must be a list of at least one error name")
		return nil
	}
	var names []string
	for _, item := range items {
		s, isText := item.(string)
		if !isText || s == "" {
			f.refuse(name, "must hold strings only")
			return nil
		}
		names = append(names, s)
	}
	return names
}

// sub opens an object inside this one, nil where it is absent or no object.
func (f *fields) sub(name string) *fields {
	v, found := f.get(name)
	if !found {
		return nil
	}
	object, ok := v.(*jsonata.Object)
	if !ok {
		f.refuse(name, "must be an object")
		return nil
	}
	return f.parser.fields(f.state, f.prefix+name+".", object)
}

// each opens the objects of a list.
func (f *fields) each(name string) []*fields {
	v, found := f.get(name)
	if !found {
		return nil
	}
	items, ok := v.([]any)
	if !ok || len(items) == 0 {
		f.refuse(name, "must be a list of at least one object")
		return nil
	}
	var all []*fields
	for i, item := range items {
		object, ok := item.(*jsonata.Object)
		if !ok {
			f.refuse(fmt.Sprintf("%s[%d]", name, i), "must be an object")
			continue
		}
		all = append(all, f.parser.fields(f.state, fmt.Sprintf("%s%s[%d].", f.prefix, name, i), object))
	}
	return all
}

// done refuses the members that were not read.
func (f *fields) done() {
	for name := range f.object.All() {
		if f.known[name] {
			continue
		}
		switch {
		case jsonPathOnly[name] || strings.HasSuffix(name, "Path") || strings.HasSuffix(name, ".$"):
			f.refuse(name, "belongs to JSONPath: only JSONata is supported")
		case unsupported[name] != "":
			f.refuse(name, "is not supported: %s", unsupported[name])
		default:
			f.refuse(name, "is unknown here")
		}
	}
}

// jsonPathOnly are fields of JSONPath states whose names do not end in Path.
var jsonPathOnly = map[string]bool{
	"ResultSelector": true, "Parameters": true, "Result": true, "Variable": true,
	"And": true, "Or": true, "Not": true, "Iterator": true,
}

// unsupported are the service's fields that this package does not support, each
// with what to do instead.
var unsupported = map[string]string{
	"Credentials":  "tasks run as this process",
	"ItemReader":   "read the items in a Task and hand them in through Items",
	"ResultWriter": "let the children store their results",
}
