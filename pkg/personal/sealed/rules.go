package sealed

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The limits of a declaration.
const (
	// MaxFields bounds the fields of a type.
	MaxFields = 64
	// maxPointer bounds a pointer, in bytes.
	maxPointer = 512
	// every is the segment of a pointer that stands for each member or element.
	every = "*"
)

// Rules say what is personal, by the type of events. Types without a rule have nothing
// personal.
type Rules map[string]Rule

// Rule says what is personal in the data of the events of a type.
type Rule struct {
	// Fields are JSON Pointers (RFC 6901) to the personal values within data. The segment
	// * stands for every member or element; "" is all of data. Names match without regard
	// to case, as encoding/json matches them. What is not there, and null, is not sealed.
	Fields []string
	// Subject is a JSON Pointer to the text or number, within data, that names the data
	// subject, whose key seals the fields. "" means that the entity is the data subject.
	Subject string
}

// ErrRules means that a declaration is wrong. The error names all that is.
var ErrRules = errors.New("the declaration of personal fields is wrong")

// pointer is a JSON Pointer, split into its segments.
type pointer []string

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// parsePointer splits a JSON Pointer.
func parsePointer(text string) (pointer, error) {
	switch {
	case text == "":
		return pointer{}, nil
	case len(text) > maxPointer:
		return nil, fmt.Errorf("a pointer has more than %d bytes", maxPointer)
	case !strings.HasPrefix(text, "/"):
		return nil, fmt.Errorf("%q does not begin with /", text)
	}
	segments := strings.Split(text[1:], "/")
	for i, s := range segments {
		if rest := strings.NewReplacer("~0", "", "~1", "").Replace(s); strings.Contains(rest, "~") {
			return nil, fmt.Errorf("%q has a ~ that is neither ~0 nor ~1", text)
		}
		segments[i] = unescape.Replace(s)
	}
	return segments, nil
}

// Compiled are rules that were checked. They are safe for concurrent use.
type Compiled struct{ byType map[string]*compiled }

type compiled struct {
	fields    []pointer
	subject   pointer
	elsewhere bool // the subject is not the entity
}

// Compile checks rules. Its error is ErrRules.
func (r Rules) Compile() (*Compiled, error) {
	c := &Compiled{byType: make(map[string]*compiled, len(r))}
	var wrong []error
	for _, kind := range slices.Sorted(maps.Keys(r)) {
		one, err := compile(kind, r[kind])
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%q: %w", kind, err))
		}
		c.byType[kind] = one
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrRules, errors.Join(wrong...))
	}
	return c, nil
}

// reservedTypes begins the types of the platform's own events, which have no personal
// fields.
const reservedTypes = "reprise."

func compile(kind string, rule Rule) (*compiled, error) {
	one := &compiled{elsewhere: rule.Subject != ""}
	switch {
	case kind == "" || strings.HasPrefix(kind, reservedTypes):
		return nil, errors.New("is no type of a producer's events")
	case len(rule.Fields) == 0:
		return nil, errors.New("has no fields")
	case len(rule.Fields) > MaxFields:
		return nil, fmt.Errorf("has more than %d fields", MaxFields)
	}
	for _, text := range rule.Fields {
		p, err := parsePointer(text)
		if err != nil {
			return nil, err
		}
		one.fields = append(one.fields, p)
	}
	var err error
	if one.subject, err = parsePointer(rule.Subject); err == nil && slices.Contains(one.subject, every) {
		err = errors.New("the subject must be one value, without *")
	}
	return one, err
}

// Declares reports whether events of a type have personal fields.
func (c *Compiled) Declares(kind string) bool { return c.byType[kind] != nil }

// Types are the declared types, sorted.
func (c *Compiled) Types() []string { return slices.Sorted(maps.Keys(c.byType)) }
