package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Attribute is a context attribute as it came apart from the data.
type Attribute struct{ Name, Value string }

// ParseBinary reads one event whose attributes came apart from its data, as in
// the binary content mode of CloudEvents 1.0, and validates it: specversion and
// datacontenttype are among the attributes, and every value is a text. An event
// that Parse accepts too has the same canonical encoding. Its error is an
// *Invalid.
func ParseBinary(all []Attribute, body []byte) (Event, error) {
	var p parser
	for _, a := range all {
		if err := p.text(a.Name, a.Value); err != nil {
			return Event{}, err
		}
	}
	if err := p.event.setData(body); err != nil {
		return Event{}, err
	}
	if err := p.finish(); err != nil {
		return Event{}, err
	}
	return p.event, nil
}

// text takes the value of an attribute that is a text whatever its name.
func (p *parser) text(name, value string) error {
	for known, attribute := range attributes {
		switch {
		case name != attribute:
		case known == data || known == dataBase64:
			return invalid(name, "is the body in binary mode, not a header")
		case p.seen&(1<<known) != 0:
			return invalid(name, "is given twice")
		default:
			p.seen |= 1 << known
			return p.set(known, value)
		}
	}
	return p.extension(name, string(appendString(nil, value)))
}

// setData keeps a body in the form in which an event has one kind of data,
// however it was sent: JSON as JSON, text as a JSON string, all else as base64.
// An empty body is no data.
func (e *Event) setData(body []byte) (err error) {
	kind, charset, _ := MediaType(e.DataContentType)
	switch {
	case len(body) == 0:
	case isJSONType(kind):
		e.Data, err = jsonData(string(body))
	case strings.HasPrefix(kind, "text/") && isUTF8(charset) && utf8.Valid(body):
		e.Data, err = textData(string(body))
	default:
		e.Data, e.Base64 = `"`+base64.StdEncoding.EncodeToString(body)+`"`, true
	}
	return err
}

func jsonData(text string) (string, error) {
	s := newScanner(text)
	s.skipSpace()
	s.spaced = false
	value, err := s.value(1)
	spaced := s.spaced
	switch {
	case !utf8.ValidString(text):
		return "", invalid(attributes[data], "is not valid UTF-8")
	case errors.Is(err, errDepth):
		return "", tooDeep(attributes[data])
	case err != nil || s.peek() != 0 || s.at != len(text):
		return "", invalid(attributes[data], "is not the JSON that its content type says")
	case spaced:
		return compact(value), nil
	}
	return value, nil
}

// textData quotes valid UTF-8 as it always has been quoted, so that an event
// that is sent again has the same bytes: U+2028 and U+2029 escaped.
func textData(text string) (string, error) {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return "", invalid(attributes[data], "is not text")
	}
	return strings.TrimSuffix(quoted.String(), "\n"), nil
}

// HeaderText is what the value of an HTTP header means in the binary content
// mode: the quotes of a quoted string resolved, and then percent-encoding, once.
// It is not ok where either is broken and where the value is not valid UTF-8.
// The same goes for a replacement character that is not percent-encoded: on its
// way to a function an HTTP API's event is JSON, whose encoders put that
// character where bytes were not UTF-8.
func HeaderText(value string) (text string, ok bool) {
	if !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError) {
		return "", false
	}
	if strings.HasPrefix(value, `"`) {
		unquoted, rest, closed := cutQuoted(value)
		if !closed || rest != "" {
			return "", false
		}
		value = unquoted
	}
	text, err := url.PathUnescape(value)
	return text, err == nil && utf8.ValidString(text)
}
