package event

import (
	"fmt"
	"time"
)

// The limits of an event. A request that exceeds one is refused as a whole.
const (
	// MaxDataBytes bounds the data value, as compact JSON or base64 text. With
	// the attributes it stays under DynamoDB's 400 KB item.
	MaxDataBytes = 256 << 10
	// MaxAttributeBytes bounds all context attributes together.
	MaxAttributeBytes = 8 << 10
	// MaxEntityKeyBytes bounds the escaped entity id, so that it and a position
	// fit into a DynamoDB sort key of 1,024 bytes.
	MaxEntityKeyBytes = 768
	// maxName bounds an extension attribute's name.
	maxName = 64
)

// ReservedPrefix begins the names of extension attributes that only the platform
// may add to events, in a playback record.
const ReservedPrefix = "reprise"

// Event is a CloudEvents 1.0 event. Its strings may share memory with the text
// that it was parsed from.
type Event struct {
	ID, Source, Type string
	// Subject is the entity that the event is about.
	Subject string
	// Time is the producer's timestamp as sent, "" if absent: RFC 3339 with
	// capital T and Z and without leap seconds, since common CloudEvents
	// libraries accept no others.
	Time            string
	DataContentType string
	DataSchema      string
	// Extensions are sorted by name.
	Extensions []Extension
	// Data is the compact JSON text of the data member, or of data_base64 if
	// Base64 is set; "" means that the event has no data.
	Data   string
	Base64 bool
}

// Extension is an extension attribute. Value is the canonical JSON text of a
// string, a boolean or a 32-bit integer. A string escapes only what JSON
// requires, as StringExtension does.
type Extension struct{ Name, Value string }

// StringExtension returns an extension attribute with a text value.
func StringExtension(name, text string) Extension {
	return Extension{name, string(appendString(nil, text))}
}

// Invalid says why an event cannot be accepted. Retrying cannot help.
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

// Timestamp returns the producer's time with the offset that it was sent with,
// whatever the machine's own zone, and false if the event has none.
func (e *Event) Timestamp() (time.Time, bool) {
	t, err := ParseTime(e.Time)
	return t, err == nil
}
