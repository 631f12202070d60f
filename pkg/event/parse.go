package event

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parse reads one event in the JSON format of CloudEvents 1.0 (structured
// content mode) and validates it. Its error is an *Invalid. The event shares
// memory with text.
func Parse(text string) (Event, error) {
	s := newScanner(text)
	e, fault, broken := readEvent(s)
	switch {
	case broken != nil:
		return Event{}, broken
	case s.peek() != 0 || s.at != len(s.text):
		return Event{}, invalid("", "there is text after the event's object")
	}
	return e, fault
}

// ParseBatch calls each for every event of a JSON array of events (batched
// content mode), in order, with its index from 0. For an invalid event it passes
// the *Invalid instead; each may return nil to see the other events. ParseBatch
// stops at the first error that each returns. If the text itself cannot be read
// further, it returns an *Invalid, even if each has already been passed one.
func ParseBatch(text string, each func(index int, e Event, err error) error) error {
	s := newScanner(text)
	index := 0
	var fromCaller error
	err := s.array(0, func() error {
		e, fault, broken := readEvent(s)
		if broken != nil {
			fault = broken
		}
		if fromCaller = each(index, e, fault); fromCaller != nil {
			return fromCaller
		}
		index++
		return broken
	})
	switch {
	case fromCaller != nil:
		return fromCaller
	case err != nil || s.peek() != 0 || s.at != len(s.text):
		return invalid("", "the batch is not a JSON array of events")
	}
	return nil
}

// readEvent reads the next value. If it returns a fault, the event is invalid but
// the scanner can go on after it; if it returns broken, nothing more can be read.
func readEvent(s *scanner) (e Event, fault, broken error) {
	if s.peek() != '{' {
		_, broken = s.value(0)
		return Event{}, invalid("", "an event is a JSON object"), broken
	}
	var p parser
	if broken = s.object(0, func(rawName string) error { return p.member(s, rawName) }); broken != nil {
		return Event{}, nil, broken
	}
	if p.fault == nil {
		p.fault = p.finish()
	}
	if p.fault != nil {
		return Event{}, p.fault, nil
	}
	return p.event, nil, nil
}

// parser collects one event. seen has a bit per known attribute, to refuse an
// attribute that is given twice.
type parser struct {
	event       Event
	seen        uint16
	specVersion string
	// bytes is the size of the extensions so far, to refuse too many of them
	// early.
	bytes int
	// fault is the first fault of the event. Its other members are then skipped.
	fault error
}

var attributes = [...]string{
	"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64",
}

// Indices into attributes, and into the bits of parser.seen.
const (
	specVersion = 0
	data        = 8
	dataBase64  = 9
)

// indexOf returns the index of an attribute, or -1. It runs for every member of
// every event, so it is a switch instead of a search.
func indexOf(name string) int {
	switch name {
	case "specversion":
		return specVersion
	case "id":
		return 1
	case "source":
		return 2
	case "type":
		return 3
	case "subject":
		return 4
	case "time":
		return 5
	case "datacontenttype":
		return 6
	case "dataschema":
		return 7
	case "data":
		return data
	case "data_base64":
		return dataBase64
	}
	return -1
}

// member reads the value of a member. Its error is the scanner's. The scanner
// accepts only ASCII outside strings, so checking names and values finds all
// invalid UTF-8, and the error can name the member.
func (p *parser) member(s *scanner, rawName string) error {
	s.skipSpace()
	s.spaced = false
	value, err := s.value(1)
	switch {
	case err != nil && errors.Is(err, errDepth):
		return tooDeep(unquote(rawName))
	case err != nil || p.fault != nil:
		return err
	}
	name := unquote(rawName)
	if !s.valid && !utf8.ValidString(value) {
		p.fault = invalid(nameable(name), "is not valid UTF-8")
		return nil
	}
	if known := indexOf(name); known >= 0 {
		p.fault = p.known(known, value, s.spaced)
	} else {
		p.fault = p.extension(name, value)
	}
	return nil
}

func (p *parser) known(known int, value string, spaced bool) error {
	name := attributes[known]
	if p.seen&(1<<known) != 0 {
		return invalid(name, "is given twice")
	}
	p.seen |= 1 << known
	switch {
	case known == data:
		return p.payload(value, spaced)
	case value == "null": // the attribute is absent
		return nil
	case value[0] != '"':
		return invalid(name, "must be a string")
	}
	text := unquote(value[1 : len(value)-1])
	if known == dataBase64 {
		return p.payloadBase64(text, value)
	}
	return p.set(known, text)
}

func (p *parser) set(known int, text string) error {
	if text == "" {
		return invalid(attributes[known], "must not be empty")
	}
	*p.attribute(known) = text
	return nil
}

func (p *parser) attribute(known int) *string {
	e := &p.event
	return [...]*string{
		&p.specVersion, &e.ID, &e.Source, &e.Type, &e.Subject, &e.Time, &e.DataContentType, &e.DataSchema,
	}[known]
}

func (p *parser) payload(value string, spaced bool) error {
	if p.event.Base64 {
		return errBothData
	}
	if spaced {
		value = compact(value)
	}
	p.event.Data = value
	return nil
}

var errBothData = invalid("data", "is given together with data_base64")

func (p *parser) payloadBase64(text, value string) error {
	switch {
	case p.event.Data != "":
		return errBothData
	case !isBase64(text):
		return invalid("data_base64", "is not base64 text")
	case len(text) != len(value)-2: // the value contained escapes
		value = `"` + text + `"`
	}
	p.event.Data, p.event.Base64 = value, true
	return nil
}

// extension adds an extension attribute. It adds null as "", so that an attribute
// given twice is noticed even then.
func (p *parser) extension(name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	const longestEscape = len(`\u0041`)
	if len(value) > longestEscape*MaxAttributeBytes { // it is too long even without escapes
		return errAttributeBytes
	}
	var err error
	if value == "null" {
		value = ""
	} else if value, err = canonicalValue(name, value); err != nil {
		return err
	}
	if p.bytes += len(name) + len(value); p.bytes > MaxAttributeBytes {
		return errAttributeBytes
	}
	p.event.Extensions = append(p.event.Extensions, Extension{name, value})
	return nil
}

func (p *parser) finish() error {
	switch {
	case p.seen&(1<<specVersion) == 0:
		return invalid("specversion", "is required")
	case p.specVersion != "1.0":
		return invalid("specversion", "is %q; only 1.0 is supported", clip(p.specVersion))
	}
	if err := p.finishExtensions(); err != nil {
		return err
	}
	return p.event.validateAttributes()
}

func (p *parser) finishExtensions() error {
	all := p.event.Extensions
	if all == nil {
		return nil
	}
	slices.SortFunc(all, func(a, b Extension) int { return strings.Compare(a.Name, b.Name) })
	for i := range all[1:] {
		if all[i].Name == all[i+1].Name {
			return invalid(all[i].Name, "is given twice")
		}
	}
	all = slices.DeleteFunc(all, func(x Extension) bool { return x.Value == "" })
	if len(all) == 0 {
		all = nil
	}
	p.event.Extensions = all
	return nil
}

// nameable is a member's name, valid and short enough for an error.
func nameable(name string) string { return clip(strings.ToValidUTF8(name, "\ufffd")) }

func tooDeep(name string) error {
	return invalid(nameable(name), "is nested more than %d levels deep", maxDepth)
}

// clip bounds what an error repeats.
func clip(s string) string { return Excerpt(s, 40) }

// Excerpt returns a text of at most most bytes as it is, and of a longer one the begin,
// cut between two characters and followed by "…". What it cuts is valid UTF-8.
func Excerpt(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
