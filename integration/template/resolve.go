package template

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrUnknown means that a template uses a feature that this package does not know.
var ErrUnknown = errors.New("not known to the reader of templates")

// resolve replaces the intrinsic functions in a value.
func (d *document) resolve(value any) (any, error) {
	switch v := value.(type) {
	case []any:
		return d.resolveList(v)
	case map[string]any:
		if name, argument, ok := intrinsic(v); ok {
			return d.call(name, argument)
		}
		out := make(map[string]any, len(v))
		for key, member := range v {
			resolved, err := d.resolve(member)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			out[key] = resolved
		}
		return out, nil
	}
	return value, nil
}

func (d *document) resolveList(list []any) ([]any, error) {
	out := make([]any, 0, len(list))
	for _, member := range list {
		resolved, err := d.resolve(member)
		if err != nil {
			return nil, err
		}
		out = append(out, resolved)
	}
	return out, nil
}

// intrinsic reports whether an object calls a CloudFormation function.
func intrinsic(object map[string]any) (name string, argument any, ok bool) {
	for name, argument := range object {
		if len(object) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::")) {
			return name, argument, true
		}
	}
	return "", nil, false
}

func (d *document) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		id, _ := argument.(string)
		return d.ref(id)
	case "Fn::GetAtt":
		return d.getAttribute(argument)
	case "Fn::Sub":
		return d.sub(argument)
	}
	resolved, err := d.resolve(argument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "Fn::Join":
		return join(resolved)
	case "Fn::Select":
		return choose(resolved)
	case "Fn::Split":
		return split(resolved)
	case "Fn::ImportValue":
		exported, _ := resolved.(string)
		found, exists := d.set.exports[exported]
		if !exists {
			return nil, fmt.Errorf("import %q: no template exports it: %w", exported, errShape)
		}
		return found.template.resolve(found.value)
	}
	return nil, fmt.Errorf("function %s: %w", name, ErrUnknown)
}

// text resolves a value that must be a text.
func (d *document) text(value any) (string, error) {
	resolved, err := d.resolve(value)
	if err != nil {
		return "", err
	}
	text, ok := resolved.(string)
	if !ok {
		return "", fmt.Errorf("have %T, want a text: %w", resolved, errShape)
	}
	return text, nil
}

// pair splits a list of two arguments with the types A and B.
func pair[A, B any](argument any) (first A, second B, ok bool) {
	list, _ := argument.([]any)
	if len(list) != 2 {
		return first, second, false
	}
	first, isA := list[0].(A)
	second, isB := list[1].(B)
	return first, second, isA && isB
}

func join(argument any) (any, error) {
	separator, list, ok := pair[string, []any](argument)
	if !ok {
		return nil, fmt.Errorf("Fn::Join: %w", errShape)
	}
	parts := make([]string, 0, len(list))
	for _, member := range list {
		part, ok := member.(string)
		if !ok {
			return nil, fmt.Errorf("Fn::Join: %T in its list: %w", member, errShape)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, separator), nil
}

func choose(argument any) (any, error) {
	number, list, ok := pair[any, []any](argument)
	index, err := strconv.Atoi(fmt.Sprint(number)) // a number or a text
	if !ok || err != nil || index < 0 || index >= len(list) {
		return nil, fmt.Errorf("Fn::Select: %w", errShape)
	}
	return list[index], nil
}

func split(argument any) (any, error) {
	separator, text, ok := pair[string, string](argument)
	if !ok || separator == "" {
		return nil, fmt.Errorf("Fn::Split: %w", errShape)
	}
	var parts []any
	for _, part := range strings.Split(text, separator) {
		parts = append(parts, part)
	}
	return parts, nil
}

// sub replaces ${Name}, ${Name.Attribute} and the variables given with the text;
// ${!Name} becomes ${Name}.
func (d *document) sub(argument any) (any, error) {
	text, ok := argument.(string)
	var variables map[string]any
	if !ok {
		if text, variables, ok = pair[string, map[string]any](argument); !ok {
			return nil, fmt.Errorf("Fn::Sub: %w", errShape)
		}
	}
	var failed error
	out := regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if rest, literal := strings.CutPrefix(name, "!"); literal {
			return "${" + rest + "}"
		}
		value, err := d.variable(name, variables)
		if err != nil && failed == nil {
			failed = fmt.Errorf("Fn::Sub: ${%s}: %w", name, err)
		}
		return value
	})
	return out, failed
}

func (d *document) variable(name string, given map[string]any) (string, error) {
	if value, found := given[name]; found {
		return d.text(value)
	}
	if id, attribute, dotted := strings.Cut(name, "."); dotted {
		return d.text(map[string]any{"Fn::GetAtt": []any{id, attribute}})
	}
	return d.text(map[string]any{"Ref": name})
}
