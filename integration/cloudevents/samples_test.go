package cloudevents

import (
	"encoding/json"
	"strings"
)

// sample is an event that every SDK sends in every content mode.
type sample struct {
	Name       string         `json:"name"`
	Subject    string         `json:"subject"`
	Source     string         `json:"source,omitempty"` // "/samples" by default
	Time       string         `json:"time,omitempty"`   // a fixed time by default
	Schema     string         `json:"dataschema,omitempty"`
	Type       string         `json:"datacontenttype,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
	Data       payload        `json:"data"`
	// stored is the member of the log's event that holds the data, "" for none.
	stored string
	// except has what a way makes of the sample instead, because of the SDK, the mode
	// or the way in. Keys are such as "Go", "Go binary" and "Go binary by gateway"; the
	// longest counts.
	except map[string]exception
}

// payload is an event's data in one of the forms that programs use. At most one
// member is set.
type payload struct {
	JSON  json.RawMessage `json:"json,omitempty"`
	Text  *string         `json:"text,omitempty"`
	Bytes []byte          `json:"bytes"` // nil for none
	// XML is the text of an element <note>.
	XML string `json:"xml,omitempty"`
	// Array asks for a Uint8Array instead of a Buffer in JavaScript.
	Array bool `json:"array,omitempty"`
}

// exception is a documented difference from the sample.
type exception struct {
	because string
	// refused is the attribute that the refusal names, or whole.
	refused string
	// unsent means that the SDK fails before it sends anything.
	unsent bool
	// changed holds the JSON of members that are stored differently, "" for absent.
	changed map[string]string
}

// whole is the attribute of a refusal that names none.
const whole = "none"

// The reasons for differences; pkg/api/INPUT.md has those that matter to producers.
const (
	becauseGateway = "API Gateway hands text on as JSON, in which bytes that are not UTF-8 are lost"
	becauseText    = "headers are text: binary mode has no booleans and numbers"
	becausePercent = "the SDK does not percent-encode headers, as the HTTP binding demands, and receivers must decode"
	becauseQuotes  = "the SDK does not escape quotes, and receivers must resolve quoted strings"
	becauseEmpty   = "an empty body means no data"
	becauseBody    = "the JavaScript SDK sends a string as the body as it is, although the content type is JSON"
	becauseDefault = "the JavaScript SDK gives binary events without a content type that of JSON"
	becauseNode    = "Node refuses the header or the body that the JavaScript SDK makes"
	becauseBuffer  = "the JavaScript SDK writes an empty Buffer as data and as data_base64"
	becauseEscapes = "Go's encoder escapes these characters in JSON, and a JSON value is stored as it was sent"
)

func text(s string) payload { return payload{Text: &s} }

func value(s string) payload { return payload{JSON: json.RawMessage(s)} }

func samples() []sample {
	all := append(dataSamples(), attributeSamples()...)
	for i := range all {
		if all[i].Subject == "" {
			all[i].Subject = all[i].Name
		}
		if all[i].Source == "" {
			all[i].Source = "/samples"
		}
		if all[i].Time == "" {
			all[i].Time = "2026-03-01T09:30:00Z"
		}
	}
	return all
}

func dataSamples() []sample {
	const octets = "application/octet-stream"
	return []sample{
		{Name: "object", Type: "application/json", Data: value(`{"amount":5,"city":"東京","rate":1.5}`),
			stored: `"data":{"amount":5,"city":"東京","rate":1.5}`},
		{Name: "array", Type: "application/json", Data: value(`[1,"a",null]`), stored: `"data":[1,"a",null]`},
		{Name: "null", Type: "application/json", Data: value(`null`), stored: `"data":null`,
			except: map[string]exception{"JavaScript binary": {because: becauseBody}}},
		{Name: "string as JSON", Type: "application/json", Data: value(`"hello"`), stored: `"data":"hello"`,
			except: map[string]exception{"JavaScript binary": {because: becauseBody, refused: "data"}}},
		{Name: "number as JSON", Type: "application/json", Data: value(`42`), stored: `"data":42`,
			except: map[string]exception{"JavaScript binary": {because: becauseNode, unsent: true}}},
		{Name: "object with escapes", Type: "application/json", Data: value(`{"a":"<&>"}`), stored: `"data":{"a":"<&>"}`,
			except: map[string]exception{"Go": {because: becauseEscapes,
				changed: map[string]string{"data": `{"a":"\u003c\u0026\u003e"}`}}}},
		{Name: "JSON with a charset", Type: "application/json; charset=utf-8", Data: value(`{"a":1}`),
			stored: `"data":{"a":1}`},
		{Name: "JSON as bytes", Type: "application/json", Data: payload{Bytes: []byte(`{ "a": "<é>" }`)},
			stored: `"data":{"a":"<é>"}`},
		{Name: "JSON as an array of bytes", Type: "application/json",
			Data: payload{Bytes: []byte(`{"a":1e400}`), Array: true}, stored: `"data":{"a":1e400}`},
		{Name: "other JSON as bytes", Type: "application/vnd.acme+json", Data: payload{Bytes: []byte(`[]`)},
			stored: `"data":[]`},
		{Name: "text", Type: "text/plain", Data: text("größe <&> \u2028 \"50%\" 🦄\n"),
			stored: `"data":"größe <&> \u2028 \"50%\" 🦄\n"`},
		{Name: "ASCII text", Type: "text/plain; charset=us-ascii", Data: text("hello"), stored: `"data":"hello"`},
		{Name: "text as bytes", Type: "text/plain; charset=utf-8", Data: payload{Bytes: []byte("<ü>")},
			stored: `"data":"<ü>"`},
		{Name: "Latin-1 text as bytes", Type: "text/plain; charset=iso-8859-1", Data: payload{Bytes: []byte("\xfc")},
			stored: `"data_base64":"/A=="`, except: map[string]exception{
				"Go binary by gateway":         {because: becauseGateway, refused: whole},
				"JavaScript binary by gateway": {because: becauseGateway, refused: whole}}},
		{Name: "empty text", Type: "text/plain", Data: text(""), stored: `"data":""`, except: map[string]exception{
			"Go binary":         {because: becauseEmpty, changed: map[string]string{"data": ""}},
			"JavaScript binary": {because: becauseEmpty, changed: map[string]string{"data": ""}}}},
		{Name: "XML", Type: "application/xml", Data: payload{XML: "ü"}, stored: `"data_base64":"PG5vdGU+w7w8L25vdGU+"`},
		{Name: "XML as text", Type: "text/xml", Data: payload{XML: "ü"}, stored: `"data":"<note>ü</note>"`},
		{Name: "XML as bytes", Type: "application/xml", Data: payload{Bytes: []byte("<a/>")},
			stored: `"data_base64":"PGEvPg=="`},
		{Name: "bytes", Type: octets, Data: payload{Bytes: []byte{0, 1, 0xff}}, stored: `"data_base64":"AAH/"`},
		{Name: "array of bytes", Type: octets, Data: payload{Bytes: []byte("abc"), Array: true},
			stored: `"data_base64":"YWJj"`},
		{Name: "image", Type: "image/png", Data: payload{Bytes: []byte("\x89PNG\r\n")}, stored: `"data_base64":"iVBORw0K"`},
		{Name: "bytes without a type", Data: payload{Bytes: []byte{0xff}}, stored: `"data_base64":"/w=="`,
			except: map[string]exception{"JavaScript binary": {because: becauseDefault, refused: "data"},
				"JavaScript binary by gateway": {because: becauseGateway, refused: whole}}},
		{Name: "empty bytes", Type: octets, Data: payload{Bytes: []byte{}},
			stored: `"data_base64":""`, except: map[string]exception{
				"Go binary":             {because: becauseEmpty, changed: map[string]string{"data_base64": ""}},
				"JavaScript structured": {because: becauseBuffer, refused: "data"},
				"JavaScript batch":      {because: becauseBuffer, refused: "data"},
				"JavaScript binary":     {because: becauseEmpty, changed: map[string]string{"data_base64": ""}}}},
		{Name: "no data", except: map[string]exception{"JavaScript binary": {because: becauseNode, unsent: true}}},
	}
}

func attributeSamples() []sample {
	json := func(s sample) sample {
		s.Type, s.Data, s.stored = "application/json", value(`{"a":1}`), `"data":{"a":1}`
		return s
	}
	changed := func(because string, members ...string) map[string]exception {
		x := exception{because: because, changed: map[string]string{members[0]: members[1]}}
		if len(members) > 2 {
			x.changed[members[2]] = members[3]
		}
		return map[string]exception{"Go binary": x, "JavaScript binary": x}
	}
	refused := func(because, attribute string) map[string]exception {
		x := exception{because: because, refused: attribute}
		return map[string]exception{"Go binary": x, "JavaScript binary": x}
	}
	return []sample{
		json(sample{Name: "text extensions",
			Extensions: map[string]any{"traceparent": "00-4bf9-00", "note": `say "50"; a,b=c`}}),
		json(sample{Name: "typed extensions", Extensions: map[string]any{"number": 42, "sampled": true},
			except: changed(becauseText, "number", `"42"`, "sampled", `"true"`)}),
		json(sample{Name: "schema", Schema: "https://example.com/schemas/order.json?v=2#top"}),
		json(sample{Name: "long", Subject: strings.Repeat("long/", 150)}),
		json(sample{Name: "punctuation", Subject: `a/b#c?d=e&f;g,h:i@j[k]{l}|m\n^o~p'q"r`}),
		json(sample{Name: "blanks", Subject: "order 4  of 5"}),
		json(sample{Name: "case", Subject: "ORDER-1"}),
		json(sample{Name: "other case", Subject: "order-1"}),
		json(sample{Name: "letters of Latin-1", Subject: "größe",
			except: map[string]exception{"JavaScript binary": {because: becausePercent, refused: "subject"}}}),
		json(sample{Name: "letters beyond Latin-1", Subject: "東京/🦄",
			except: map[string]exception{"JavaScript binary": {because: becauseNode, unsent: true}}}),
		json(sample{Name: "unnormalised letters", Subject: "gro\u0308ße",
			except: map[string]exception{"JavaScript binary": {because: becauseNode, unsent: true}}}),
		json(sample{Name: "quotes", Subject: `"till 4"`, except: changed(becauseQuotes, "subject", `"till 4"`)}),
		json(sample{Name: "percent sign", Subject: "100%", except: refused(becausePercent, "subject")}),
		json(sample{Name: "percent escape", Subject: "50%25 off", except: changed(becausePercent, "subject", `"50% off"`)}),
		json(sample{Name: "escapes in the source", Source: "/orders%20of/2026",
			except: changed(becausePercent, "source", `"/orders of/2026"`)}),
		json(sample{Name: "time with a fraction and a zone", Time: "2026-03-01T10:00:00.123456789+05:45"}),
		json(sample{Name: "time with milliseconds", Time: "2026-03-01T10:00:00.120Z"}),
		json(sample{Name: "time before 1970", Time: "1969-07-20T20:17:40Z"}),
	}
}
