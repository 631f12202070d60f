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

// Attribute is a context attribute that was sent separately from the data.
type Attribute struct{ Name, Value string }

// ParseBinary reads and validates one event whose attributes were sent separately
// from its data, as in the binary content mode of CloudEvents 1.0. The attributes
// include specversion and datacontenttype, and every value is text. If Parse
// accepts the same event, it has the same canonical encoding. Its error is an
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

// text reads an attribute whose value is text, whatever its name.
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

// ErrReplaced says that a body contains the replacement character U+FFFD where an
// encoder on its way may have put it in place of bytes that are not UTF-8.
var ErrReplaced = errors.New("the body may have lost bytes that are not UTF-8")

// setData stores a body in the one form that its content type allows, however it
// was sent: JSON as JSON, text as a JSON string, everything else as base64. An
// empty body means no data.
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

// textData quotes valid UTF-8 and escapes U+2028 and U+2029. This must not
// change, so that an event that is sent again has the same bytes.
func textData(text string) (string, error) {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return "", invalid(attributes[data], "is not text")
	}
	return strings.TrimSuffix(quoted.String(), "\n"), nil
}

// HeaderText decodes the value of an HTTP header in the binary content mode: it
// resolves the quotes of a quoted string and then percent-decodes once. It is not
// ok if either is broken, if the value is not valid UTF-8, or if it contains a
// replacement character that is not percent-encoded: JSON encoders between API
// Gateway and a function put that character in place of bytes that are not UTF-8.
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
