package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// set holds the resources of templates that are deployed together.
type set struct {
	place     Place
	resources []*resource
	exports   map[string]export
}

// export is an output that other templates import.
type export struct {
	template *document
	value    any
}

// document is one template.
type document struct {
	set        *set
	number     int
	Resources  map[string]*resource
	Parameters map[string]struct{ Default any }
	Outputs    map[string]struct {
		Value  any
		Export struct{ Name any }
	}
}

// resource is one resource of a template.
type resource struct {
	id         string
	in         *document
	Type       string
	Properties map[string]any
	// resolving detects circular references.
	resolving bool
}

func newSet(place Place, documents [][]byte) (*set, error) {
	s := &set{place: place, exports: make(map[string]export)}
	for i, raw := range documents {
		d := &document{set: s, number: i}
		if err := json.Unmarshal(raw, d); err != nil {
			return nil, fmt.Errorf("decode template %d: %w", i, err)
		}
		for _, id := range slices.Sorted(maps.Keys(d.Resources)) {
			r := d.Resources[id]
			r.id, r.in = id, d
			s.resources = append(s.resources, r)
		}
		for name, output := range d.Outputs {
			if output.Export.Name == nil {
				continue
			}
			exported, err := d.text(output.Export.Name)
			if err != nil {
				return nil, fmt.Errorf("read output %s: %w", name, err)
			}
			s.exports[exported] = export{d, output.Value}
		}
	}
	return s, nil
}

// properties resolves properties of a resource one by one and keeps the first
// error.
type properties struct {
	of  *resource
	err error
}

// value resolves a property; nil if it is absent.
func (p *properties) value(name string) any {
	raw, found := p.of.Properties[name]
	if !found || p.err != nil {
		return nil
	}
	value, err := p.of.in.resolve(raw)
	if err != nil {
		p.err = fmt.Errorf("property %s: %w", name, err)
		return nil
	}
	return value
}

func property[T any](p *properties, name string) (result T) {
	value := p.value(name)
	if value == nil {
		return result
	}
	result, ok := value.(T)
	if !ok && p.err == nil {
		p.err = fmt.Errorf("property %s is %T: %w", name, value, errShape)
	}
	return result
}

// text is a required property.
func (p *properties) text(name string) string {
	value := property[string](p, name)
	if value == "" && p.err == nil {
		p.err = fmt.Errorf("property %s is missing: %w", name, errShape)
	}
	return value
}

func (p *properties) number(name string) int { return int(property[float64](p, name)) }

func (p *properties) texts(name string) []string {
	var all []string
	for _, value := range property[[]any](p, name) {
		text, ok := value.(string)
		if !ok && p.err == nil {
			p.err = fmt.Errorf("property %s holds %T: %w", name, value, errShape)
		}
		all = append(all, text)
	}
	return all
}

// errShape means that a template is not valid CloudFormation.
var errShape = errors.New("not valid CloudFormation")
