package event

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate checks an event, however it was built, against CloudEvents 1.0 and
// the platform's own limits. An accepted event survives AppendJSON and Parse
// unchanged. Its error is an *Invalid.
func (e *Event) Validate() error {
	if err := e.validateAttributes(); err != nil {
		return err
	}
	if err := e.validateExtensions(); err != nil {
		return err
	}
	return e.validateData()
}

// validateAttributes is the part of Validate that the parser does not do itself.
func (e *Event) validateAttributes() error {
	if e.attributeBytes() > MaxAttributeBytes {
		return errAttributeBytes
	}
	if err := e.validateRequired(); err != nil {
		return err
	}
	if err := e.validateOptional(); err != nil {
		return err
	}
	if len(e.Data) > MaxDataBytes {
		return tooMuchData(len(e.Data))
	}
	return nil
}

func tooMuchData(bytes int) error {
	return invalid("data", "is %d bytes long; at most %d are accepted", bytes, MaxDataBytes)
}

var errAttributeBytes = invalid("", "the context attributes take more than %d bytes", MaxAttributeBytes)

func (e *Event) validateRequired() error {
	for _, a := range [...]struct{ name, value string }{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject},
	} {
		if err := checkRequired(a.name, a.value); err != nil {
			return err
		}
	}
	if _, ok := parseURI(e.Source); !ok {
		return invalid("source", "must be a URI reference")
	}
	return checkKey(e.Subject)
}

func checkRequired(name, value string) error {
	if value == "" {
		return invalid(name, "is required and must not be empty")
	}
	return checkText(name, value)
}

func checkKey(subject string) error {
	if n := escapedLen(subject); n > MaxEntityKeyBytes {
		return invalid("subject", "takes %d bytes in a key; at most %d are accepted", n, MaxEntityKeyBytes)
	}
	return nil
}

// CheckSubject returns an *Invalid if text cannot be an event's subject, and so
// not an entity's id.
func CheckSubject(text string) error {
	if err := checkRequired("subject", text); err != nil {
		return err
	}
	return checkKey(text)
}

// CheckType returns an *Invalid if text cannot be an event's type.
func CheckType(text string) error {
	if len(text) > MaxAttributeBytes {
		return invalid("type", "has %d bytes; at most %d are accepted", len(text), MaxAttributeBytes)
	}
	return checkRequired("type", text)
}

// CheckExtension returns an *Invalid if no event can have an extension attribute of
// that name whose value is the text.
func CheckExtension(name, text string) error {
	switch {
	case len(name)+len(text) > MaxAttributeBytes:
		return invalid(clip(name), "has %d bytes; at most %d are accepted", len(name)+len(text), MaxAttributeBytes)
	case name == "":
		return invalid("", "has an empty name")
	case indexOf(name) >= 0:
		return invalid(name, "is an attribute of CloudEvents itself")
	}
	if err := checkName(name); err != nil {
		return err
	}
	return checkText(name, text)
}

func (e *Event) validateOptional() error {
	if e.Time != "" {
		if _, err := ParseTime(e.Time); err != nil {
			return invalid("time", "must be an RFC 3339 timestamp such as 2026-03-01T09:30:00Z")
		}
	}
	if err := checkText("datacontenttype", e.DataContentType); err != nil {
		return err
	}
	if _, _, ok := MediaType(e.DataContentType); e.DataContentType != "" && !ok {
		return invalid("datacontenttype", "must be a media type such as application/json")
	}
	if err := checkText("dataschema", e.DataSchema); err != nil {
		return err
	}
	if absolute, ok := parseURI(e.DataSchema); e.DataSchema != "" && (!ok || !absolute) {
		return invalid("dataschema", "must be an absolute URI")
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

func (e *Event) validateExtensions() error {
	for i, x := range e.Extensions {
		if err := checkName(x.Name); err != nil {
			return err
		}
		if indexOf(x.Name) >= 0 {
			return invalid(x.Name, "is not an extension attribute")
		}
		if i > 0 && e.Extensions[i-1].Name >= x.Name {
			return invalid(x.Name, "is out of order: extensions are sorted by name, each given once")
		}
		if !isCompactJSON(x.Value) {
			return invalid(x.Name, "is not the JSON text of a value")
		}
		if value, err := canonicalValue(x.Name, x.Value); err != nil || value != x.Value {
			return invalid(x.Name, "is not the canonical JSON text of a string, a boolean or a 32-bit integer")
		}
	}
	return nil
}

func (e *Event) validateData() error {
	switch {
	case e.Data == "" && !e.Base64:
		return nil
	case !isCompactJSON(e.Data):
		return invalid("data", "is not compact JSON text")
	case e.Base64 && (e.Data[0] != '"' || !isBase64(strings.Trim(e.Data, `"`))):
		return invalid("data_base64", "is not base64 text")
	}
	return nil
}

func isCompactJSON(text string) bool {
	s := newScanner(text)
	_, err := s.value(1)
	return err == nil && s.at == len(text) && !s.spaced && s.valid
}

// checkText applies the String type of CloudEvents 1.0: valid Unicode without
// control characters and noncharacters.
func checkText(name, value string) error {
	ascii := 0
	for ascii < len(value) && value[ascii] >= 0x20 && value[ascii] < 0x7f {
		ascii++
	}
	value = value[ascii:]
	for i, r := range value {
		switch {
		case r == utf8.RuneError && isBroken(value[i:]):
			return invalid(name, "is not valid Unicode")
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

// checkName accepts the name of an extension attribute.
func checkName(name string) error {
	if name == "" {
		return invalid("", "an attribute has an empty name")
	}
	if len(name) > maxName {
		return invalid(clip(name), "is too long for an attribute name (%d characters at most)", maxName)
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return invalid(clip(name), "is not an attribute name: only a to z and 0 to 9 are allowed")
		}
	}
	if strings.HasPrefix(name, ReservedPrefix) {
		return invalid(name, "is reserved: names beginning with %q belong to the platform", ReservedPrefix)
	}
	return nil
}

// canonicalValue checks the value of an extension attribute, a JSON text, and
// returns its canonical spelling. CloudEvents 1.0 allows strings, booleans and
// 32-bit integers.
func canonicalValue(name, value string) (string, error) {
	switch value[0] {
	case '"':
		text := unquote(value[1 : len(value)-1])
		if len(text) == len(value)-2 { // no escapes
			return value, checkText(name, text)
		}
		return string(appendString(nil, text)), checkText(name, text)
	case 't', 'f':
		return value, nil
	case '{', '[', 'n':
		return "", invalid(name, "must be a string, a boolean or an integer")
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return "", invalid(name, "is not a 32-bit integer")
	}
	if n == 0 {
		return "0", nil // and not -0
	}
	return value, nil
}

var errTime = errors.New("not an RFC 3339 timestamp")

// ParseTime reads a timestamp of RFC 3339 with capital T and Z. It is time.Parse
// with the remaining rules: hours of two digits, a point before the fraction,
// offsets below a day. The location never depends on the machine.
func ParseTime(text string) (time.Time, error) {
	t, err := time.ParseInLocation(time.RFC3339Nano, text, time.UTC)
	if err != nil {
		return time.Time{}, err
	}
	zone := text[len(text)-len("07:00"):]
	if text[len("2006-01-02T1")] == ':' || strings.Contains(text, ",") ||
		(text[len(text)-1] != 'Z' && (zone[:2] > "23" || zone[3:] > "59")) {
		return time.Time{}, errTime
	}
	return t, nil
}
