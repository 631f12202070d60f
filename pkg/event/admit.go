package event

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxAhead is how far in the future the time of an imported event may lie. A
// later time would move the logged time of the whole lane ahead.
const MaxAhead = 5 * time.Minute

// Admit checks a valid event against the rules for new events, and gives bytes and
// text the one form that their content type allows, which is that of binary mode:
// base64 data whose content type is JSON or UTF-8 text, and strings whose content
// type is not JSON. It must not be called for events that are already in the log,
// which stay as they were accepted. Its error is an *Invalid.
func (e *Event) Admit() error {
	for _, a := range [...]struct{ name, value string }{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject},
	} {
		if err := checkDirection(a.name, a.value); err != nil {
			return err
		}
	}
	body, err := e.body()
	if err != nil || len(body) == 0 {
		return err
	}
	admitted := *e
	admitted.Data, admitted.Base64 = "", false
	if err := admitted.setData(body); err != nil {
		return err
	}
	if len(admitted.Data) > MaxDataBytes {
		return tooMuchData(len(admitted.Data))
	}
	*e = admitted
	return nil
}

// body returns the bytes that the event's body has in binary mode. It returns none
// if the data is JSON or empty, or is a string that has no such bytes: one with a
// lone surrogate, or of a content type whose charset is not UTF-8.
func (e *Event) body() ([]byte, error) {
	if e.Base64 {
		body, err := base64.StdEncoding.Strict().DecodeString(e.Data[1 : len(e.Data)-1])
		if err != nil {
			return nil, invalid(attributes[dataBase64], "has bits set after its last byte: encode it again as standard base64")
		}
		return body, nil
	}
	if e.DataContentType == "" || !strings.HasPrefix(e.Data, `"`) {
		return nil, nil
	}
	text := unquote(e.Data[1 : len(e.Data)-1])
	kind, charset, _ := MediaType(e.DataContentType)
	if isJSONType(kind) || !isUTF8(charset) || !utf8.ValidString(text) {
		return nil, nil
	}
	return []byte(text), nil
}

// checkDirection refuses embeddings, overrides and isolates of the direction of text:
// an identifier that has them is shown in another order than it has, and may look like
// another one. The marks of right-to-left text are accepted.
func checkDirection(name, value string) error {
	for _, r := range value {
		if (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return invalid(name, "has the character U+%04X, which reorders text where it is shown", r)
		}
	}
	return nil
}

// AdmitOwnTime returns an *Invalid if an event cannot be imported at its own
// time: it has no time, or one before 1970 or more than MaxAhead after now.
func (e *Event) AdmitOwnTime(now time.Time) error {
	own, ok := e.Timestamp()
	switch {
	case !ok:
		return invalid("time", "is required to import an event at its own time")
	case own.After(now.Add(MaxAhead)):
		return invalid("time", "lies more than %d minutes in the future", int(MaxAhead.Minutes()))
	case own.Before(time.Unix(0, 0)):
		return invalid("time", "lies before 1970, where the log begins")
	}
	return nil
}

// AdmitReserved returns an *Invalid for an event with a type or source that is
// reserved for the platform. With copied set it admits corrections, since a copy of
// a log keeps those that the log has.
func (e *Event) AdmitReserved(copied bool) error {
	if !strings.HasPrefix(e.Type, ReservedTypes) && e.Source != SourceCorrections {
		return nil
	}
	if copied && IsCorrection(e) {
		return nil
	}
	switch {
	case copied && (e.Type == TypeSkipped || e.Type == TypeRefolded || strings.HasSuffix(e.Type, ReversedSuffix)):
		return invalid("data", "is not that of a correction: import corrections exactly as the log has them")
	case e.Source == SourceCorrections:
		return invalid("source", "%s is reserved for corrections, which reprise parked skip, reverse and repair make",
			SourceCorrections)
	}
	return invalid("type", "begins with %s, which is reserved for the platform: reprise parked skip, reverse and repair "+
		"make corrections", ReservedTypes)
}
