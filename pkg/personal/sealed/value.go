package sealed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"reprise/pkg/event"
)

// Name is the only member of a sealed value: {"$personal":"TEXT"}. No producer may send
// it, neither as a name nor within a text.
const Name = "$personal"

const (
	open, end = `{"` + Name + `":"`, `"}`
	// version is the first byte of what a sealed value's text encodes.
	version  = 1
	refBytes = 16
	// SaltBytes is the length of what makes the sealings of one value at two places differ.
	SaltBytes   = 12
	headerBytes = 1 + refBytes + 4 + SaltBytes
)

// Ref stands for a data subject, and says nothing about who that is.
type Ref [refBytes]byte

// String is the reference in hexadecimal.
func (r Ref) String() string { return hex.EncodeToString(r[:]) }

// Value is a sealed value.
type Value struct {
	// Ref and Generation name the key.
	Ref        Ref
	Generation uint32
	// Salt differs between places.
	Salt [SaltBytes]byte
	// Box is the encrypted value.
	Box []byte
}

// Header is what the encryption binds the box to.
func (v *Value) Header() []byte {
	b := make([]byte, 0, headerBytes+len(v.Box))
	b = append(b, version)
	b = append(b, v.Ref[:]...)
	b = binary.BigEndian.AppendUint32(b, v.Generation)
	return append(b, v.Salt[:]...)
}

// AppendJSON appends the JSON object that stands for the value.
func (v *Value) AppendJSON(text []byte) []byte {
	text = append(text, open...)
	text = base64.RawURLEncoding.AppendEncode(text, append(v.Header(), v.Box...))
	return append(text, end...)
}

// ErrForm means that a text is not that of a sealed value.
var ErrForm = errors.New("not a sealed value")

// Parse reads the text of a sealed value: the value of its only member.
func Parse(text string) (v Value, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= headerBytes || raw[0] != version {
		return Value{}, ErrForm
	}
	copy(v.Ref[:], raw[1:])
	v.Generation = binary.BigEndian.Uint32(raw[1+refBytes:])
	copy(v.Salt[:], raw[1+refBytes+4:])
	v.Box = raw[headerBytes:]
	return v, nil
}

// Is reports whether a JSON value has the form of a sealed value. Whether there is a key
// that opens it is another question.
func Is(raw []byte) bool {
	text, begins := bytes.CutPrefix(raw, []byte(open))
	text, ends := bytes.CutSuffix(text, []byte(end))
	if !begins || !ends {
		return false
	}
	_, err := Parse(string(text))
	return err == nil
}

// IsObject is Is for a decoded object.
func IsObject(object map[string]any) bool {
	text, is := object[Name].(string)
	if !is || len(object) != 1 {
		return false
	}
	_, err := Parse(text)
	return err == nil
}

// Has reports whether a text may contain a sealed value.
func Has(text []byte) bool { return bytes.Contains(text, []byte(Name)) }

// pattern finds sealed values in a JSON text: as a value, and within a text, where quotes
// are escaped. In valid JSON each matches nothing else.
var pattern = regexp.MustCompile(`\{\s*"\$personal"\s*:\s*"([A-Za-z0-9_-]+)"\s*\}` +
	`|\{\\"\$personal\\":\\"([A-Za-z0-9_-]+)\\"\}`)

// Place is a sealed value within a JSON text.
type Place struct {
	Start, End int
	Value      Value
	// Quoted is set if the place lies within a text.
	Quoted bool
}

// Places finds the sealed values of a JSON text, in its order.
func Places(text []byte) []Place {
	if !Has(text) {
		return nil
	}
	var places []Place
	for _, at := range pattern.FindAllSubmatchIndex(text, -1) {
		p := Place{Start: at[0], End: at[1], Quoted: at[4] >= 0}
		from, to := at[2], at[3]
		if p.Quoted {
			from, to = at[4], at[5]
		}
		var err error
		if p.Value, err = Parse(string(text[from:to])); err == nil {
			places = append(places, p)
		}
	}
	return places
}

// Erased is what readers get in place of a value whose key is destroyed.
type Erased struct {
	Erased bool `json:"$erased"`
	// At is when the key was destroyed.
	At time.Time `json:"at"`
}

// Foreign is what readers get in place of a value that this platform has no key for: it
// was sealed by another.
type Foreign struct {
	Sealed bool `json:"$sealed"`
}

// Reserved reports whether a producer's event has the name of sealed values anywhere: the
// platform would take it for a value that it has sealed itself.
func Reserved(e *event.Event) bool {
	for _, text := range []string{e.ID, e.Source, e.Type, e.Subject, e.DataContentType, e.DataSchema} {
		if strings.Contains(text, Name) {
			return true
		}
	}
	for i := range e.Extensions {
		if jsonHas(e.Extensions[i].Value) {
			return true
		}
	}
	return jsonHas(e.Data)
}

// jsonHas reports whether a name or a text of a JSON value contains Name. Only escapes
// need a closer look.
func jsonHas(text string) bool {
	if strings.Contains(text, Name) {
		return true
	}
	if !strings.Contains(text, `\u`) {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a number of any size is read
	for {
		token, err := decoder.Token()
		if err != nil {
			return !errors.Is(err, io.EOF) // what cannot be read may have it
		}
		if s, is := token.(string); is && strings.Contains(s, Name) {
			return true
		}
	}
}
