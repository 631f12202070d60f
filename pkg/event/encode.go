package event

import (
	"bytes"
	"strconv"
)

// AppendJSON appends the event's canonical encoding: one line of JSON without
// white space between tokens, the attributes in a fixed order, the extensions by
// name, and last the data as it was sent. The bytes do not depend on how the
// sender escaped the attributes. Two events have the same content if these bytes
// are equal; digests and stored bodies use them. For an event that Validate
// accepts, the bytes contain no line feed, and Parse returns the same event.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"specversion":"1.0","id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"source":`...)
	b = appendString(b, e.Source)
	b = append(b, `,"type":`...)
	b = appendString(b, e.Type)
	b = append(b, `,"subject":`...)
	b = appendString(b, e.Subject)
	b = appendOptional(b, `,"time":`, e.Time)
	b = appendOptional(b, `,"datacontenttype":`, e.DataContentType)
	b = appendOptional(b, `,"dataschema":`, e.DataSchema)
	for _, x := range e.Extensions {
		b = append(append(append(b, `,"`...), x.Name...), `":`...)
		b = append(b, x.Value...)
	}
	if e.Data != "" {
		name := `,"data":`
		if e.Base64 {
			name = `,"data_base64":`
		}
		b = append(append(b, name...), e.Data...)
	}
	return append(b, '}')
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value)
}

// appendString quotes valid UTF-8, escaping only what JSON requires.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		if c < 0x20 {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			continue
		}
		b = append(b, '\\', c)
	}
	return append(append(b, s[start:]...), '"')
}

// The members that a playback record adds to an event's line.
const (
	positionMember = `,"repriseposition":"`
	loggedMember   = `","repriselogged":"`
)

// AppendPlaced appends a canonical line with the two extension attributes of a
// playback record: repriseposition, and repriselogged in milliseconds since 1970,
// as decimal text because CloudEvents integers have 32 bits.
func AppendPlaced(b []byte, line []byte, at Position, loggedMillis int64) []byte {
	b = append(b, line[:len(line)-1]...)
	b = append(append(b, positionMember...), at...)
	b = strconv.AppendInt(append(b, loggedMember...), loggedMillis, 10)
	return append(b, `"}`...)
}

// SplitPlaced undoes AppendPlaced: it returns the canonical line, its position
// and its logged time. It accepts no other spelling of the two attributes, and
// does not check the line itself. Its error is an *Invalid.
func SplitPlaced(placed []byte) (line []byte, at Position, loggedMillis int64, err error) {
	rest, closed := bytes.CutSuffix(placed, []byte(`"}`))
	logged := bytes.LastIndex(rest, []byte(loggedMember))
	if !closed || logged < 0 {
		return nil, "", 0, invalid("repriselogged", "is missing from a playback record")
	}
	millis := string(rest[logged+len(loggedMember):])
	loggedMillis, err = strconv.ParseInt(millis, 10, 64)
	if err != nil || strconv.FormatInt(loggedMillis, 10) != millis {
		return nil, "", 0, invalid("repriselogged", "is not a number of milliseconds")
	}
	rest = rest[:logged]
	cut := bytes.LastIndex(rest, []byte(positionMember))
	if cut < 1 {
		return nil, "", 0, invalid("repriseposition", "is missing from a playback record")
	}
	at, err = ParsePosition(string(rest[cut+len(positionMember):]))
	if err != nil {
		return nil, "", 0, invalid("repriseposition", "is not a position")
	}
	line = append(make([]byte, 0, cut+1), rest[:cut]...)
	return append(line, '}'), at, loggedMillis, nil
}
