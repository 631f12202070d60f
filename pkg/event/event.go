package event

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// The limits of an event. A request that passes one is refused whole.
const (
	// MaxDataBytes bounds the data value, as compact JSON or base64 text. With
	// the attributes it stays under DynamoDB's 400 KB item.
	MaxDataBytes = 256 << 10
	// MaxAttributeBytes bounds all context attributes together.
	MaxAttributeBytes = 8 << 10
	// MaxEntityKeyBytes bounds the escaped entity id, so that it and a position
	// fit a DynamoDB sort key of 1,024 bytes.
	MaxEntityKeyBytes = 768
	// maxName bounds an extension attribute's name.
	maxName = 64
)

// ReservedPrefix begins the names of extension attributes that the platform
// itself adds to events in a playback record. Events may not bring their own.
const ReservedPrefix = "reprise"

// Event is a CloudEvents 1.0 event. Strings may share memory with the text
// that it was parsed from.
type Event struct {
	ID, Source, Type string
	// Subject is the entity that the event is about.
	Subject string
	// Time is the producer's timestamp as sent (RFC 3339), "" where absent.
	Time            string
	DataContentType string
	DataSchema      string
	// Extensions are sorted by name.
	Extensions []Extension
	// Data is the compact JSON text of the data member, or of data_base64
	// where Base64 is set; "" means that the event has no data.
	Data   string
	Base64 bool
}

// Extension is an extension attribute. Value is the JSON text of a string, a
// boolean or an integer.
type Extension struct{ Name, Value string }

// Invalid says why a text is not an event that can be accepted. A retry of the
// same text cannot help.
type Invalid struct {
	// Attribute is the attribute at fault, "" for the text as a whole.
	Attribute string
	Problem   string
}

func (e *Invalid) Error() string {
	if e.Attribute == "" {
		return "invalid event: " + e.Problem
	}
	return fmt.Sprintf("invalid event: %s: %s", e.Attribute, e.Problem)
}

func invalid(attribute, format string, args ...any) error {
	return &Invalid{Attribute: attribute, Problem: fmt.Sprintf(format, args...)}
}

// Timestamp returns the producer's time, and false where the event has none.
func (e *Event) Timestamp() (time.Time, bool) {
	t, err := parseTime(e.Time)
	return t, err == nil
}

func parseTime(text string) (time.Time, error) {
	// A comma as decimal sign passes time.Parse, but not RFC 3339.
	for i := range len(text) {
		if text[i] == ',' {
			return time.Time{}, fmt.Errorf("parse time %q: comma in a timestamp", text)
		}
	}
	return time.Parse(time.RFC3339Nano, text)
}

// Validate checks the attributes against CloudEvents 1.0 and the platform's
// own limits. Its error is an *Invalid.
func (e *Event) Validate() error {
	if err := e.validateRequired(); err != nil {
		return err
	}
	if err := e.validateOptional(); err != nil {
		return err
	}
	if len(e.Data) > MaxDataBytes {
		return invalid("data", "is %d bytes long; at most %d are accepted", len(e.Data), MaxDataBytes)
	}
	if n := e.attributeBytes(); n > MaxAttributeBytes {
		return invalid("", "the context attributes take %d bytes; at most %d are accepted", n, MaxAttributeBytes)
	}
	return nil
}

func (e *Event) validateRequired() error {
	for _, a := range [...]struct{ name, value string }{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject},
	} {
		if a.value == "" {
			return invalid(a.name, "is required and must not be empty")
		}
		if err := checkText(a.name, a.value); err != nil {
			return err
		}
	}
	if n := escapedLen(e.Subject); n > MaxEntityKeyBytes {
		return invalid("subject", "takes %d bytes in a key; at most %d are accepted", n, MaxEntityKeyBytes)
	}
	return nil
}

func (e *Event) validateOptional() error {
	if e.Time != "" {
		if _, err := parseTime(e.Time); err != nil {
			return invalid("time", "must be an RFC 3339 timestamp such as 2026-03-01T09:30:00Z")
		}
	}
	if err := checkText("datacontenttype", e.DataContentType); err != nil {
		return err
	}
	if err := checkText("dataschema", e.DataSchema); err != nil {
		return err
	}
	for _, x := range e.Extensions {
		if err := checkExtension(x); err != nil {
			return err
		}
	}
	return nil
}

func (e *Event) attributeBytes() int {
	n := len(e.ID) + len(e.Source) + len(e.Type) + len(e.Subject) + len(e.Time) +
		len(e.DataContentType) + len(e.DataSchema)
	for _, x := range e.Extensions {
		n += len(x.Name) + len(x.Value)
	}
	return n
}

// checkText applies the String type of CloudEvents 1.0: valid Unicode without
// control characters and noncharacters.
func checkText(name, value string) error {
	for i, r := range value {
		switch {
		case r == utf8.RuneError && isBroken(value[i:]):
			return invalid(name, "is not valid UTF-8")
		case r < 0x20 || (r >= 0x7f && r <= 0x9f):
			return invalid(name, "has the control character U+%04X", r)
		case (r >= 0xfdd0 && r <= 0xfdef) || r&0xfffe == 0xfffe:
			return invalid(name, "has the noncharacter U+%04X", r)
		}
	}
	return nil
}

func isBroken(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size == 1
}

func checkExtension(x Extension) error {
	if len(x.Name) > maxName {
		return invalid(x.Name[:maxName], "is too long for an attribute name (%d characters at most)", maxName)
	}
	for i := range len(x.Name) {
		if c := x.Name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return invalid(x.Name, "is not an attribute name: only a to z and 0 to 9 are allowed")
		}
	}
	if len(x.Name) >= len(ReservedPrefix) && x.Name[:len(ReservedPrefix)] == ReservedPrefix {
		return invalid(x.Name, "is reserved: names beginning with %q belong to the platform", ReservedPrefix)
	}
	return nil
}
