package api_test

import (
	"slices"
	"strings"

	"reprise/pkg/event"
)

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
