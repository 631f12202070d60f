package sealed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"reprise/pkg/event"
)

// MaxSubjectBytes bounds the id of a data subject.
const MaxSubjectBytes = 1024

// Field is a personal value within the data of an event.
type Field struct {
	// Path is the JSON Pointer to the value, with the names and indexes that are there.
	Path string
	// Start and End are the value's place in the text of data.
	Start, End int
}

// Found is what is personal in an event.
type Found struct {
	// Subject names the data subject.
	Subject string
	// Fields are the values to seal, in the order of the text; none overlaps another.
	Fields []Field
}

// Find returns what is personal in an event. Values that are sealed already are left out
// if keep is set, and so is the subject if nothing else is left. Its error is an
// *event.Invalid.
func (c *Compiled) Find(e *event.Event, keep bool) (Found, error) {
	rule := c.byType[e.Type]
	if rule == nil || e.Data == "" {
		return Found{}, nil
	}
	if e.Base64 {
		return Found{}, invalid("of type %s must be JSON, and not base64: its personal fields could not be found", e.Type)
	}
	f := newFinder(e.Data, keep)
	if err := f.value("", rule.fields); err != nil {
		return Found{}, invalid("of type %s cannot be read: its personal fields could not be found", e.Type)
	}
	if len(f.fields) == 0 {
		if deep(rule.fields) && !strings.HasPrefix(e.Data, "{") && !strings.HasPrefix(e.Data, "[") {
			return Found{}, invalid("of type %s must be an object or array: its personal fields could not be found", e.Type)
		}
		return Found{}, nil
	}
	subject, err := rule.subjectOf(e)
	return Found{Subject: subject, Fields: f.fields}, err
}

func invalid(format string, args ...any) error {
	return &event.Invalid{Attribute: "data", Problem: fmt.Sprintf(format, args...)}
}

// deep reports whether all fields lie within an object or array.
func deep(fields []pointer) bool {
	for _, p := range fields {
		if len(p) == 0 {
			return false
		}
	}
	return true
}

// subjectOf returns the id of the data subject.
func (r *compiled) subjectOf(e *event.Event) (string, error) {
	if !r.elsewhere {
		return e.Subject, nil
	}
	f := newFinder(e.Data, false)
	if err := f.value("", []pointer{r.subject}); err != nil || len(f.fields) != 1 {
		return "", invalid("lacks /%s, which names the data subject of its personal fields", strings.Join(r.subject, "/"))
	}
	var named any
	decoder := json.NewDecoder(bytes.NewReader(f.text[f.fields[0].Start:f.fields[0].End]))
	decoder.UseNumber()
	if err := decoder.Decode(&named); err != nil {
		return "", invalid("cannot be read at /%s", strings.Join(r.subject, "/"))
	}
	subject := ""
	switch v := named.(type) {
	case string:
		subject = v
	case json.Number:
		subject = v.String()
	}
	if subject == "" || len(subject) > MaxSubjectBytes {
		return "", invalid("must have at /%s, as the id of the data subject, a number or a text of 1 to %d bytes",
			strings.Join(r.subject, "/"), MaxSubjectBytes)
	}
	return subject, nil
}

// finder walks through data. It goes into those values only in which a field may lie.
type finder struct {
	text    []byte
	decoder *json.Decoder
	keep    bool
	fields  []Field
}

func newFinder(data string, keep bool) *finder {
	f := &finder{text: []byte(data), keep: keep}
	f.decoder = json.NewDecoder(bytes.NewReader(f.text))
	f.decoder.UseNumber() // a number of any size is read
	return f
}

// value reads the next value, which has a path; fields are what remains of the pointers
// that lead to it or into it.
func (f *finder) value(path string, fields []pointer) error {
	for _, p := range fields {
		if len(p) == 0 {
			return f.take(path)
		}
	}
	if len(fields) == 0 {
		return f.skip()
	}
	token, err := f.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return f.members(path, fields)
	case json.Delim('['):
		return f.elements(path, fields)
	}
	return nil
}

func (f *finder) members(path string, fields []pointer) error {
	for f.decoder.More() {
		token, err := f.decoder.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return errors.New("no name")
		}
		if err := f.value(path+"/"+escape.Replace(name), below(fields, name)); err != nil {
			return err
		}
	}
	_, err := f.decoder.Token()
	return err
}

func (f *finder) elements(path string, fields []pointer) error {
	for i := 0; f.decoder.More(); i++ {
		name := strconv.Itoa(i)
		if err := f.value(path+"/"+name, below(fields, name)); err != nil {
			return err
		}
	}
	_, err := f.decoder.Token()
	return err
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// below returns the rests of those pointers that lead to a member or into it.
func below(fields []pointer, name string) (rest []pointer) {
	for _, p := range fields {
		if p[0] == every || strings.EqualFold(p[0], name) {
			rest = append(rest, p[1:])
		}
	}
	return rest
}

func (f *finder) skip() error {
	var raw json.RawMessage
	return f.decoder.Decode(&raw)
}

// take notes the next value as a field.
func (f *finder) take(path string) error {
	var raw json.RawMessage
	if err := f.decoder.Decode(&raw); err != nil {
		return err
	}
	end := int(f.decoder.InputOffset())
	if string(raw) == "null" || (f.keep && Is(raw)) {
		return nil
	}
	f.fields = append(f.fields, Field{Path: path, Start: end - len(raw), End: end})
	return nil
}
