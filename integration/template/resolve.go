package template

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrUnknown says that a template uses what this package does not know.
var ErrUnknown = errors.New("not known to the reader of templates")

// resolve replaces the intrinsic functions in a value.
func (d *document) resolve(value any) (any, error) {
	switch v := value.(type) {
	case []any:
		return d.resolveList(v)
	case map[string]any:
		if name, argument, is := intrinsic(v); is {
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

// intrinsic reports whether an object calls a function of CloudFormation.
func intrinsic(object map[string]any) (name string, argument any, is bool) {
	for name, argument := range object {
		if len(object) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::")) {
			return name, argument, true
		}
	}
	return "", nil, false
}

func (d *document) call(name string, argument any) (any, error) {
	if name == "Ref" {
		id, _ := argument.(string)
		return d.ref(id)
	}
	if name == "Fn::GetAtt" {
		return d.getAttribute(argument)
	}
	if name == "Fn::Sub" {
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

// text resolves what must be a text.
func (d *document) text(value any) (string, error) {
	resolved, err := d.resolve(value)
	if err != nil {
		return "", err
	}
	text, is := resolved.(string)
	if !is {
		return "", fmt.Errorf("%T in place of a text: %w", resolved, errShape)
	}
	return text, nil
}

// pair takes a list of two apart.
func pair(argument any) (first, second any, err error) {
	list, _ := argument.([]any)
	if len(list) != 2 {
		return nil, nil, fmt.Errorf("not two arguments: %w", errShape)
	}
	return list[0], list[1], nil
}

func join(argument any) (any, error) {
	first, second, err := pair(argument)
	separator, isText := first.(string)
	list, isList := second.([]any)
	if err != nil || !isText || !isList {
		return nil, fmt.Errorf("Fn::Join: %w", errShape)
	}
	parts := make([]string, 0, len(list))
	for _, member := range list {
		part, is := member.(string)
		if !is {
			return nil, fmt.Errorf("Fn::Join: %T in its list: %w", member, errShape)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, separator), nil
}

func choose(argument any) (any, error) {
	first, second, err := pair(argument)
	if text, is := first.(string); is {
		var n float64
		if _, scanned := fmt.Sscan(text, &n); scanned == nil {
			first = n
		}
	}
	index, isNumber := first.(float64)
	list, isList := second.([]any)
	if err != nil || !isNumber || !isList || int(index) < 0 || int(index) >= len(list) {
		return nil, fmt.Errorf("Fn::Select: %w", errShape)
	}
	return list[int(index)], nil
}

func split(argument any) (any, error) {
	first, second, err := pair(argument)
	separator, isText := first.(string)
	text, isToo := second.(string)
	if err != nil || !isText || !isToo || separator == "" {
		return nil, fmt.Errorf("Fn::Split: %w", errShape)
	}
	var parts []any
	for _, part := range strings.Split(text, separator) {
		parts = append(parts, part)
	}
	return parts, nil
}

// sub replaces ${Name}, ${Name.Attribute} and the variables given beside the
// text; ${!Name} stays as ${Name}.
func (d *document) sub(argument any) (any, error) {
	text, isText := argument.(string)
	variables := map[string]any{}
	if !isText {
		first, second, err := pair(argument)
		text, isText = first.(string)
		given, isObject := second.(map[string]any)
		if err != nil || !isText || !isObject {
			return nil, fmt.Errorf("Fn::Sub: %w", errShape)
		}
		variables = given
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
