package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parse reads one event in the JSON format of CloudEvents 1.0 (structured
// content mode) and validates it. Its error is an *Invalid. The event shares
// memory with text.
func Parse(text string) (Event, error) {
	if !utf8.ValidString(text) {
		return Event{}, invalid("", "the text is not valid UTF-8")
	}
	s := &scanner{text: text}
	e, err := parseObject(s)
	if err != nil {
		return Event{}, err
	}
	if s.peek() != 0 || s.at != len(s.text) {
		return Event{}, invalid("", "there is text after the event's object")
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// ParseBatch calls each for every event of a JSON array of events (batched
// content mode), in order, with its index from 0, and stops at the first error,
// be it the array's own or one that each returns. Its own are *Invalid.
func ParseBatch(text string, each func(index int, e Event, err error) error) error {
	if !utf8.ValidString(text) {
		return invalid("", "the text is not valid UTF-8")
	}
	s := &scanner{text: text}
	index := 0
	var fromCaller error
	err := s.array(0, func() error {
		e, err := parseObject(s)
		if err == nil {
			err = e.Validate()
		}
		fromCaller = each(index, e, err)
		index++
		return fromCaller
	})
	switch {
	case fromCaller != nil:
		return fromCaller
	case err != nil || s.peek() != 0 || s.at != len(s.text):
		return invalid("", "the batch is not a JSON array of events")
	}
	return nil
}

func parseObject(s *scanner) (Event, error) {
	var p parser
	if s.peek() != '{' {
		return Event{}, invalid("", "an event is a JSON object")
	}
	if err := s.object(0, func(name string) error { return p.member(s, unquote(name)) }); err != nil {
		if err == errSyntax {
			err = invalid("", "the text is not valid JSON")
		}
		return Event{}, err
	}
	return p.finish()
}

// parser gathers one event. seen has a bit per known attribute, so that an
// attribute given twice is refused whatever reader would have won.
type parser struct {
	event       Event
	seen        uint16
	specVersion string
	data        string
	base64      string
}

var attributes = [...]string{
	"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64",
}

func (p *parser) member(s *scanner, name string) error {
	known := slices.Index(attributes[:], name)
	if known < 0 {
		return p.extension(s, name)
	}
	if p.seen&(1<<known) != 0 {
		return invalid(name, "is given twice")
	}
	p.seen |= 1 << known
	if name == "data" || name == "data_base64" {
		return p.payload(s, name)
	}
	if s.peek() == 'n' { // null: the attribute is absent
		return s.literal("null")
	}
	if s.peek() != '"' {
		if _, err := s.value(1); err != nil {
			return err
		}
		return invalid(name, "must be a string")
	}
	raw, err := s.rawString()
	if err != nil {
		return err
	}
	*p.attribute(known) = unquote(raw)
	return nil
}

func (p *parser) attribute(known int) *string {
	e := &p.event
	return [...]*string{
		&p.specVersion, &e.ID, &e.Source, &e.Type, &e.Subject, &e.Time, &e.DataContentType, &e.DataSchema,
	}[known]
}

func (p *parser) payload(s *scanner, name string) error {
	s.skipSpace()
	s.spaced = false
	value, err := s.value(1)
	if err != nil {
		return err
	}
	if s.spaced {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(value)); err != nil {
			return errSyntax
		}
		value = compact.String()
	}
	if name == "data" {
		p.data = value
		return nil
	}
	if value == "null" {
		return nil
	}
	if value[0] != '"' {
		return invalid(name, "must be a string of base64")
	}
	if _, err := base64.StdEncoding.DecodeString(unquote(value[1 : len(value)-1])); err != nil {
		return invalid(name, "is not base64 text")
	}
	p.base64 = value
	return nil
}

func (p *parser) extension(s *scanner, name string) error {
	value, err := s.value(1)
	if err != nil {
		return err
	}
	if value == "null" {
		return nil
	}
	if err := checkExtensionValue(name, value); err != nil {
		return err
	}
	at, found := slices.BinarySearchFunc(p.event.Extensions, name, func(x Extension, name string) int {
		return strings.Compare(x.Name, name)
	})
	if found {
		return invalid(name, "is given twice")
	}
	p.event.Extensions = slices.Insert(p.event.Extensions, at, Extension{name, value})
	return nil
}

// checkExtensionValue allows what CloudEvents 1.0 does: strings, booleans and
// 32-bit integers.
func checkExtensionValue(name, value string) error {
	switch value[0] {
	case '"':
		return checkText(name, unquote(value[1:len(value)-1]))
	case 't', 'f':
		return nil
	case '{', '[':
		return invalid(name, "is an object or array; an extension attribute is a string, a boolean or an integer")
	}
	var n int32
	if json.Unmarshal([]byte(value), &n) != nil {
		return invalid(name, "is not a 32-bit integer")
	}
	return nil
}

func (p *parser) finish() (Event, error) {
	const specVersion = 1 << 0
	switch {
	case p.seen&specVersion == 0:
		return Event{}, invalid("specversion", "is required")
	case p.specVersion != "1.0":
		return Event{}, invalid("specversion", "is %q; only 1.0 is understood", clip(p.specVersion))
	case p.data != "" && p.base64 != "":
		return Event{}, invalid("data", "is given together with data_base64")
	}
	e := p.event
	e.Data = p.data
	if p.base64 != "" {
		e.Data, e.Base64 = p.base64, true
	}
	return e, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
