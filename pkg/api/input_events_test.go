package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/event"
)

// inputCase is an event in every form that can express it.
type inputCase struct {
	name string
	// text is the event in the JSON format, headers and body are it in binary
	// mode; "" and nil where a form cannot say it.
	text    string
	headers map[string]string
	body    string
	// fault is the attribute that every refusal names; accepted, none at all.
	fault string
	// imported is the fault where the event's own time is kept; "" is fault's.
	imported string
	// new is set where a rule is for new events: what is in the stream was
	// accepted before it and stays readable.
	new bool
	// line is the canonical one, where the test knows it.
	line string
}

const (
	accepted = "accepted"
	// whole is the fault of a refusal that names no attribute.
	whole = ""
)

// same builds a case from JSON members, which replace those of a good event; "-"
// removes one. If all its attributes are texts, it also has the headers and the body
// of the same event in binary mode.
func same(name, fault string, members ...string) inputCase {
	all := []string{"specversion", `"1.0"`, "id", `"1"`, "source", `"/s"`, "type", `"t"`, "subject", `"e"`, "time",
		`"2026-03-01T00:00:00Z"`}
	for i := 0; i < len(members); i += 2 {
		if at := slices.Index(all, members[i]); at >= 0 && at%2 == 0 {
			all[at+1] = members[i+1]
		} else {
			all = append(all, members[i:i+2]...)
		}
	}
	c := inputCase{name: name, fault: fault, headers: map[string]string{}}
	var text []string
	kind := ""
	for i := 0; i < len(all); i += 2 {
		if all[i+1] == "-" {
			continue
		}
		text = append(text, fmt.Sprintf(`"%s":%s`, all[i], all[i+1]))
		if all[i] == "datacontenttype" {
			kind = plain(all[i+1])
		}
	}
	c.text = "{" + strings.Join(text, ",") + "}"
	for i := 0; i < len(all) && c.headers != nil; i += 2 {
		c.header(all[i], all[i+1], kind)
	}
	return c
}

// header adds a member to the binary form, or drops that form.
func (c *inputCase) header(name, value, kind string) {
	isText := strings.HasPrefix(value, `"`)
	switch {
	case value == "-":
	case name == "data" && strings.HasSuffix(kind, "json"):
		c.body = value
	case name == "data" && strings.Contains(kind, "/") && isText && plain(value) != "":
		c.body = plain(value)
	case name == "data_base64" && isText:
		raw, err := base64.StdEncoding.Strict().DecodeString(plain(value))
		if c.body = string(raw); err != nil || len(raw) == 0 {
			c.headers = nil
		}
	case name == "data" || name == "data_base64" || !isText || strings.Contains(value, `\ud8`):
		c.headers = nil
	case name == "datacontenttype" && plain(value) != "":
		c.headers["content-type"] = plain(value)
	default:
		c.headers["ce-"+name] = percent(plain(value))
	}
}

// plain is the value of a JSON string. Without escapes it keeps the bytes, valid or
// not.
func plain(value string) string {
	text := strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	if strings.Contains(text, `\`) && json.Unmarshal([]byte(value), &text) != nil {
		return ""
	}
	return text
}

// percent encodes everything that a header cannot carry as it is.
func percent(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c > ' ' && c < 0x7f && c != '%' && c != '"' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// raw is a case in binary mode only. Its headers replace those of a good event.
func raw(name, fault string, headers ...string) inputCase {
	c := same(name, fault)
	c.text = ""
	for i := 0; i < len(headers); i += 2 {
		if c.headers[headers[i]] = headers[i+1]; headers[i+1] == "-" {
			delete(c.headers, headers[i])
		}
	}
	return c
}

func (c inputCase) withBody(body string) inputCase { c.body = body; return c }
func (c inputCase) forNew() inputCase              { c.new = true; return c }
func (c inputCase) onImport(fault string) inputCase {
	c.imported = fault
	return c
}
func (c inputCase) as(line string) inputCase {
	c.line = `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"e","time":"2026-03-01T00:00:00Z"` + line + "}"
	return c
}

var textAttributes = []string{"id", "source", "type", "subject", "dataschema", "datacontenttype", "time", "anextension"}

// inputCases are all checks, each with an event that it concerns.
func inputCases() []inputCase {
	all := slices.Concat(characterCases(), attributeCases(), dataCases(), timeCases(), headerCases())
	return append(all, same("as it should be", accepted).as(""))
}

func characterCases() (all []inputCase) {
	begin := map[string]string{"dataschema": "a:", "datacontenttype": "a/b;c="}
	for _, name := range textAttributes {
		for what, bytes := range map[string]string{"Latin-1": "\xe9", "an overlong form": "\xc0\xaf",
			"half of a character":  "\xe2\x82",
			"a surrogate as UTF-8": "\xed\xa0\x80"} {
			all = append(all, same(name+" with "+what, name, name, `"`+begin[name]+bytes+`"`),
				raw(name+" with "+what+" as it is", name, headerOf(name), begin[name]+bytes),
				raw(name+" with U+FFFD as it is", name, headerOf(name), begin[name]+"\ufffd"))
		}
		for what, escape := range map[string]string{"NUL": `\u0000`, "a line feed": `\n`, "DEL": "\x7f",
			"a C1 control":   `\u0085`,
			"a noncharacter": `\ufdd0`, "a lone surrogate": `\ud800`} {
			c := same(name+" with "+what, name, name, `"`+begin[name]+escape+`"`)
			if name == "datacontenttype" {
				c.headers = nil // no header can carry it
			}
			all = append(all, c)
		}
	}
	return append(all,
		same("what JSON and headers escape", accepted, "id", `"\"\\é\u2028\ufffd😀 %41"`),
		same("name in capitals", "Anextension", "Anextension", `"x"`).jsonOnly(),
		same("name with a hyphen", "an-extension", "an-extension", `"x"`),
		same("long name", strings.Repeat("a", 40)+"…", strings.Repeat("a", 65), `"x"`),
		same("reserved name", "repriselogged", "repriselogged", `"1"`),
	)
}

func (c inputCase) jsonOnly() inputCase { c.headers = nil; return c }

func headerOf(name string) string {
	if name == "datacontenttype" {
		return "content-type"
	}
	return "ce-" + name
}

func attributeCases() (all []inputCase) {
	for _, name := range []string{"specversion", "id", "source", "type", "subject"} {
		all = append(all, same("no "+name, name, name, "-"), same("empty "+name, name, name, `""`))
	}
	for _, name := range []string{"time", "dataschema"} {
		all = append(all, same("empty "+name, name, name, `""`))
	}
	for _, name := range []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype",
		"dataschema", "data_base64"} {
		all = append(all, same(name+" of another kind", name, name, "7"))
	}
	return append(all,
		same("empty content type", "datacontenttype", "datacontenttype", `""`).jsonOnly(),
		same("another specversion", "specversion", "specversion", `"0.3"`),
		same("empty extension", accepted, "a", `""`).as(`,"a":""`),
		same("extension of null", accepted, "a", "null").as(""),
		same("extension of an object", "a", "a", "{}"),
		same("large integer", "a", "a", "2147483648"),
		same("source with half an escape", "source", "source", `"/a%2"`),
		same("source without a scheme", "source", "source", `":a"`),
		same("relative schema", "dataschema", "dataschema", `"/a"`),
		same("no media type", "datacontenttype", "datacontenttype", `"json"`),
		same("two media types", "datacontenttype", "datacontenttype", `"application/json,application/json"`),
		same("parameter given twice", accepted, "datacontenttype", `"application/json; charset=utf-8; charset=UTF-8"`,
			"data", "1").
			as(`,"datacontenttype":"application/json; charset=utf-8; charset=UTF-8","data":1`),
		same("longest subject", accepted, "subject", `"`+strings.Repeat("x", event.MaxEntityKeyBytes)+`"`),
		same("long subject", "subject", "subject", `"`+strings.Repeat("x", event.MaxEntityKeyBytes+1)+`"`),
		same("subject that is long in a key", "subject", "subject", `"`+strings.Repeat("#", event.MaxEntityKeyBytes/3+1)+`"`),
		same("many attributes", whole, "a", `"`+strings.Repeat("x", event.MaxAttributeBytes/2)+`"`, "b",
			`"`+strings.Repeat("x", event.MaxAttributeBytes/2)+`"`),
		inputCase{name: "id given twice", fault: "id", text: strings.Replace(goodEvent, `"id"`, `"id":"1","id"`, 1)},
		inputCase{name: "extension given twice", fault: "a", text: strings.Replace(goodEvent, `"id"`, `"a":1,"a":1,"id"`, 1)},
		inputCase{name: "no object", fault: whole, text: `["a"]`},
		inputCase{name: "null", fault: whole, text: "null"},
		inputCase{name: "cut", fault: whole, text: goodEvent[:len(goodEvent)-1]},
		inputCase{name: "text behind", fault: whole, text: goodEvent + "}"},
		inputCase{name: "byte order mark", fault: whole, text: " \ufeff" + goodEvent},
	)
}

func dataCases() []inputCase {
	json := []string{"datacontenttype", `"application/json"`}
	of := func(name, fault string, members ...string) inputCase {
		return same(name, fault, append(json, members...)...)
	}
	const asJSON = `,"datacontenttype":"application/json","data":{"a":1}`
	return []inputCase{
		of("JSON", accepted, "data", `{"a":1}`).as(asJSON),
		of("JSON as base64", accepted, "data_base64", `"eyJhIjogMX0="`).as(asJSON).forNew(),
		of("JSON as base64 that is none", "data", "data_base64", `"ew=="`).forNew(),
		of("JSON with white space", accepted, "data", ` { "a" : 1 } `).as(asJSON),
		of("null", accepted, "data", "null").as(`,"datacontenttype":"application/json","data":null`),
		of("no data", accepted).as(`,"datacontenttype":"application/json"`),
		of("a lone surrogate in JSON, which stays as it was sent", accepted, "data", `"\ud800"`).
			as(`,"datacontenttype":"application/json","data":"\ud800"`),
		of("a large number, which stays as it was sent", accepted, "data", `1e400`).
			as(`,"datacontenttype":"application/json","data":1e400`),
		of("names given twice, which stay as they were sent", accepted, "data", `{"a":1,"a":2}`).
			as(`,"datacontenttype":"application/json","data":{"a":1,"a":2}`),
		of("Latin-1", "data", "data", "\"\xe9\""),
		of("deep", "data", "data", strings.Repeat("[", 201)+strings.Repeat("]", 201)),
		of("large", "data", "data", `"`+strings.Repeat("x", event.MaxDataBytes)+`"`),
		of("largest", accepted, "data", `"`+strings.Repeat("x", event.MaxDataBytes-2)+`"`),
		same("text", accepted, "datacontenttype", `"text/plain"`, "data",
			`"ü <"`).as(`,"datacontenttype":"text/plain","data":"ü <"`),
		same("text as base64", accepted, "datacontenttype", `"text/plain"`, "data_base64", `"w7wgPA=="`).
			as(`,"datacontenttype":"text/plain","data":"ü <"`).forNew(),
		same("text in another charset", accepted, "datacontenttype", `"text/xml; charset=utf-16"`, "data_base64", `"AGE="`).
			as(`,"datacontenttype":"text/xml; charset=utf-16","data_base64":"AGE="`),
		same("text with escapes", accepted, "datacontenttype", `"text/html"`, "data", `"\u003c\u00fc\u2028\/"`).
			as(`,"datacontenttype":"text/html","data":"<ü\u2028/"`).forNew(),
		same("text with a lone surrogate, which stays as it was sent", accepted, "datacontenttype", `"text/plain"`,
			"data", `"\u003c\ud800"`).as(`,"datacontenttype":"text/plain","data":"\u003c\ud800"`).jsonOnly(),
		same("text in another charset, which stays as it was sent", accepted,
			"datacontenttype", `"text/plain; charset=latin1"`, "data", `"\u00fc"`).
			as(`,"datacontenttype":"text/plain; charset=latin1","data":"\u00fc"`).jsonOnly(),
		same("text of a type that is neither JSON nor text", accepted, "datacontenttype", `"application/xml"`, "data",
			`"\u003ca/>"`).as(`,"datacontenttype":"application/xml","data_base64":"PGEvPg=="`).forNew(),
		same("a value of a type that is neither JSON nor text, which stays as it was sent", accepted,
			"datacontenttype", `"application/cbor"`, "data", `{"a":1}`).
			as(`,"datacontenttype":"application/cbor","data":{"a":1}`).jsonOnly(),
		same("empty text", accepted, "datacontenttype", `"application/xml"`, "data", `""`).
			as(`,"datacontenttype":"application/xml","data":""`).jsonOnly(),
		same("text that is too large as base64", "data", "datacontenttype", `"application/xml"`, "data",
			`"`+strings.Repeat("x", event.MaxDataBytes/4*3)+`"`).forNew(),
		same("bytes", accepted, "datacontenttype", `"application/octet-stream"`, "data_base64", `"AP8="`).
			as(`,"datacontenttype":"application/octet-stream","data_base64":"AP8="`),
		same("bytes without a type", accepted, "data_base64", `"e30="`).as(`,"data_base64":"e30="`),
		same("base64 with bits behind", "data_base64", "data_base64", `"YR=="`).forNew(),
		same("base64 of another alphabet", "data_base64", "data_base64", `"_w=="`),
		same("base64 without its padding", "data_base64", "data_base64", `"/w"`),
		same("base64 in lines", "data_base64", "data_base64", `"/w==\n"`).jsonOnly(),
		same("data twice", "data", "data", "1", "data_base64", `"YQ=="`).jsonOnly(),
		same("large bytes", "data", "datacontenttype", `"a/b"`, "data_base64",
			`"`+strings.Repeat("AAAA", event.MaxDataBytes/4)+`"`),
	}
}

func timeCases() (all []inputCase) {
	for _, text := range []string{"2026-03-01", "2026-03-01T00:00:00", "2026-03-01t00:00:00z", "2026-03-01 00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-03-01T24:00:00Z", "2026-03-01T23:59:60Z", "2026-03-01T0:00:00Z", "2026-03-01T00:00:00,5Z",
		"2026-03-01T00:00:00+24:00"} {
		all = append(all, same("time "+text, "time", "time", `"`+text+`"`))
	}
	return append(all,
		same("no time", accepted, "time", "-").onImport("time"),
		same("time just ahead", accepted, "time", `"2026-03-01T12:05:00Z"`),
		same("time ahead", accepted, "time", `"2026-03-01T12:06:00Z"`).onImport("time").forNew(), // records have an hour
		same("time far ahead", accepted, "time", `"9999-01-01T00:00:00Z"`).onImport("time"),
		same("time before 1970", accepted, "time", `"1969-12-31T23:59:59Z"`).onImport("time").forNew(),
		same("time with nanoseconds and offset", accepted, "time", `"2026-03-01T00:00:00.123456789-23:59"`).onImport("time"),
		same("time with nanoseconds", accepted, "time", `"2026-03-01T00:00:00.123456789+05:45"`),
	)
}

func headerCases() []inputCase {
	return []inputCase{
		raw("quoted", accepted, "ce-id", `"till 4 \"\\%41"`).as("").withID(`till 4 \"\\A`),
		raw("blanks as they are", accepted, "ce-id", "till 4").as("").withID("till 4"),
		raw("UTF-8 as it is", accepted, "ce-id", "ü").as("").withID("ü"),
		raw("percent-encoded blanks at both ends", accepted, "ce-id", "%20a%20").as("").withID(" a "),
		raw("quoted blanks at both ends", accepted, "ce-id", `" a "`).as("").withID(" a "),
		raw("Latin-1", "id", "ce-id", "\xfc"),
		raw("percent-encoded Latin-1", "id", "ce-id", "%FC"),
		raw("quote without its end", "id", "ce-id", `"till`),
		raw("text behind a quote", "id", "ce-id", `"a"b`),
		raw("broken escape", "id", "ce-id", "100%"),
		raw("no specversion", "specversion", "ce-specversion", "-"),
		raw("empty name", whole, "ce-", "x"),
		raw("content type as an attribute", "datacontenttype", "ce-datacontenttype", "text/plain"),
		raw("data as an attribute", "data", "ce-data", "x"),
		raw("data_base64 as an attribute", "data_base64", "ce-data_base64", "YQ=="),
		raw("JSON that is none", "data", "content-type", "application/json").withBody("{"),
		raw("text behind JSON", "data", "content-type", "application/json").withBody("{}}"),
		raw("two JSON texts", "data", "content-type", "application/json").withBody("1 2"),
		raw("NUL behind JSON", "data", "content-type", "application/json").withBody("1\x00"),
		raw("blank JSON", "data", "content-type", "application/json").withBody(" "),
		raw("text that is no UTF-8", accepted, "content-type", "text/plain").withBody("\xe9").
			as(`,"datacontenttype":"text/plain","data_base64":"6Q=="`),
	}
}

func (c inputCase) withID(id string) inputCase {
	c.line = strings.Replace(c.line, `"id":"1"`, `"id":"`+id+`"`, 1)
	return c
}

// TestEveryWayInAcceptsTheSameEvents on every event: accepted as the same line, or
// refused for the same attribute. A check that is made on one way only fails it.
func TestEveryWayInAcceptsTheSameEvents(t *testing.T) {
	e := newEdge(t)
	taken := map[string]int{}
	for _, c := range inputCases() {
		line := c.line
		for _, w := range ways() {
			want := c.fault
			if w.imports && c.imported != "" {
				want = c.imported
			}
			if w.log && c.new {
				want = accepted // in its own form, which stays readable
			}
			got, ok := w.take(e, c)
			if !ok {
				continue
			}
			taken[w.name]++
			if got.accepted != (want == accepted) || (!got.accepted && got.fault != want) {
				t.Errorf("%s, %s: %.200s; want %q", c.name, w.name, got, want)
				continue
			}
			if !got.accepted || (w.log && c.new) {
				continue
			}
			if line == "" {
				line = got.line
			}
			if got.line != line {
				t.Errorf("%s, %s: %.300s; want %.300s", c.name, w.name, got.line, line)
			}
		}
	}
	for _, w := range ways() {
		if taken[w.name] < 100 {
			t.Errorf("%s: only %d cases", w.name, taken[w.name])
		}
	}
}
