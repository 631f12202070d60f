package event_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
)

func TestHeaderText(t *testing.T) {
	for header, want := range map[string]string{
		"plain": "plain", "till 4": "till 4", "till%204": "till 4", `"till 4"`: "till 4", "100%25": "100%", "%2525": "%25",
		`"a\"b\\c%20d"`: `a"b\c d`, `a"b`: `a"b`, "": "", `""`: "", "ü": "ü", "%C3%BC": "ü", "%c3%bc": "ü",
		"%EF%BF%BD":                       "\ufffd",
		"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀", "a+b": "a+b", `%22a%22`: `"a"`,
	} {
		if text, ok := event.HeaderText(header); text != want || !ok {
			t.Errorf("%q is %q, %v; want %q", header, text, ok, want)
		}
	}
	for _, header := range []string{
		"%", "100%", "%4", "%zz", "\xe9", "a\xff", "\xc0\xaf", "\xed\xa0\x80", "%F1", "%C0%AF", "%ED%A0%80", "%C3", "\ufffd",
		`"`, `"a`, `"a\"`, `"a\`, `"a"b`, `"a" `, `"%F1"`,
	} {
		if text, ok := event.HeaderText(header); ok {
			t.Errorf("%q is accepted as %q", header, text)
		}
	}
}

func TestMediaType(t *testing.T) {
	for text, want := range map[string]string{
		"application/json":                              "application/json ",
		"Application/JSON":                              "application/json ",
		"text/plain; charset=UTF-8":                     "text/plain utf-8",
		`text/plain ;Charset="utf-8" ;`:                 "text/plain utf-8",
		`a/b; c="d;\"charset=x"; charset="u\tf"`:        "a/b utf",
		"a/b;charset=utf-8;charset=UTF-8":               "a/b utf-8",
		"a/b;charset=utf-8;charset=utf-16":              "a/b utf-8,utf-16",
		"application/cloudevents-batch+json; x=charset": "application/cloudevents-batch+json ",
	} {
		if kind, charset, ok := event.MediaType(text); kind+" "+charset != want || !ok {
			t.Errorf("%q is %q %q, %v", text, kind, charset, ok)
		}
	}
	for _, text := range []string{"", "a", "a/", "/b", "a/b c", "a/b;c", "a/b;c=", `a/b;c="d`, `a/b;c="d\`, "a/b,a/b",
		" a/b", "a/b; c=d,a/b"} {
		if kind, charset, ok := event.MediaType(text); ok || kind != "" || charset != "" {
			t.Errorf("%q is accepted as %q %q", text, kind, charset)
		}
	}
}

// attributes of an event in binary mode, with changes: name, value; "-" leaves
// one out.
func attributes(changes ...string) []event.Attribute {
	all := []event.Attribute{{"specversion", "1.0"}, {"id", "1"}, {"source", "/s"}, {"type", "t.happened"},
		{"subject", "e"}}
next:
	for i := 0; i < len(changes); i += 2 {
		for at := range all[:5] {
			if all[at].Name == changes[i] {
				all[at].Value = changes[i+1]
				continue next
			}
		}
		all = append(all, event.Attribute{Name: changes[i], Value: changes[i+1]})
	}
	kept := all[:0]
	for _, a := range all {
		if a.Value != "-" {
			kept = append(kept, a)
		}
	}
	return kept
}

func TestParseBinary(t *testing.T) {
	const begin = `{"specversion":"1.0","id":"1","source":"/s","type":"t.happened","subject":"e"`
	for name, c := range map[string]struct {
		attributes []event.Attribute
		body, want string
	}{
		"no data": {attributes("datacontenttype", "application/json"), "",
			begin + `,"datacontenttype":"application/json"}`},
		"JSON": {attributes("datacontenttype", "Application/X+JSON"), " {\"a\": \"\\u00e9<\u2028\"}\n",
			begin + `,"datacontenttype":"Application/X+JSON","data":{"a":"\u00e9<` + "\u2028" + `"}}`},
		"null": {attributes("datacontenttype", "application/json"), "null",
			begin + `,"datacontenttype":"application/json","data":null}`},
		"text": {attributes("datacontenttype", "text/plain"), "a\n<\u2028",
			begin + `,"datacontenttype":"text/plain","data":"a\n<\u2028"}`},
		"text in ASCII": {attributes("datacontenttype", "text/plain; charset=US-ASCII"), "a",
			begin + `,"datacontenttype":"text/plain; charset=US-ASCII","data":"a"}`},
		"text in UTF-16": {attributes("datacontenttype", "text/plain; charset=utf-16"), "a",
			begin + `,"datacontenttype":"text/plain; charset=utf-16","data_base64":"YQ=="}`},
		"text not UTF-8": {attributes("datacontenttype", "text/plain"), "\xe9",
			begin + `,"datacontenttype":"text/plain","data_base64":"6Q=="}`},
		"bytes": {attributes("datacontenttype", "a/b"), "a",
			begin + `,"datacontenttype":"a/b","data_base64":"YQ=="}`},
		"no content type": {attributes(), "{}", begin + `,"data_base64":"e30="}`},
		"extensions":      {attributes("z", "<é\"", "a", "true", "b", ""), "", begin + `,"a":"true","b":"","z":"<é\""}`},
	} {
		e, err := event.ParseBinary(c.attributes, []byte(c.body))
		if line := string(e.AppendJSON(nil)); err != nil || line != c.want {
			t.Errorf("%s: %s, %v; want %s", name, line, err, c.want)
		}
		if err == nil {
			checkFixedPoint(t, e)
		}
	}
}

func TestParseBinaryNamesTheAttribute(t *testing.T) {
	deep := strings.Repeat("[", 201) + strings.Repeat("]", 201)
	for name, c := range map[string]struct {
		attributes      []event.Attribute
		body, attribute string
	}{
		"no specversion":    {attributes("specversion", "-"), "", "specversion"},
		"other version":     {attributes("specversion", "0.3"), "", "specversion"},
		"no subject":        {attributes("subject", "-"), "", "subject"},
		"empty id":          {attributes("id", ""), "", "id"},
		"empty schema":      {attributes("dataschema", ""), "", "dataschema"},
		"invalid id":        {attributes("id", "\xff"), "", "id"},
		"invalid source":    {attributes("source", "/\xff"), "", "source"},
		"invalid type":      {attributes("type", "\xff"), "", "type"},
		"invalid subject":   {attributes("subject", "\xff"), "", "subject"},
		"invalid time":      {attributes("time", "\xff"), "", "time"},
		"invalid schema":    {attributes("dataschema", "a:\xff"), "", "dataschema"},
		"invalid type of":   {attributes("datacontenttype", "a/b;c=\"\xff\""), "", "datacontenttype"},
		"invalid extension": {attributes("ext", "\xff"), "", "ext"},
		"reserved":          {attributes("repriselogged", "1"), "", "repriselogged"},
		"name":              {attributes("a-b", "1"), "", "a-b"},
		"id twice":          {append(attributes(), event.Attribute{Name: "id", Value: "1"}), "", "id"},
		"extension twice":   {attributes("ext", "1", "ext", "1"), "", "ext"},
		"data":              {attributes("data", "1"), "", "data"},
		"data_base64":       {attributes("data_base64", "1"), "", "data_base64"},
		"two types":         {attributes("datacontenttype", "application/json,application/json"), "{}", "datacontenttype"},
		"no JSON":           {attributes("datacontenttype", "application/json"), "{", "data"},
		"text behind":       {attributes("datacontenttype", "application/json"), "{}}", "data"},
		"two values":        {attributes("datacontenttype", "application/json"), "1 2", "data"},
		"NUL behind":        {attributes("datacontenttype", "application/json"), "{}\x00", "data"},
		"invalid JSON":      {attributes("datacontenttype", "application/json"), "\"\xff\"", "data"},
		"deep":              {attributes("datacontenttype", "application/json"), deep, "data"},
		"much":              {attributes("datacontenttype", "a/b"), strings.Repeat("x", 200<<10), "data"},
	} {
		e, err := event.ParseBinary(c.attributes, []byte(c.body))
		bad, ok := errors.AsType[*event.Invalid](err)
		if !ok || bad.Attribute != c.attribute || !isZero(e) {
			t.Errorf("%s: %+v, %v; want a fault of %s", name, e, err, c.attribute)
		}
	}
	if _, err := event.ParseBinary(attributes("ext", strings.Repeat("x", 9000)), nil); err == nil {
		t.Error("attributes have no bound")
	}
}

// An event means the same in every content mode, so data that came as base64
// becomes what the bytes are in binary mode.
func TestAdmitGivesDataOneForm(t *testing.T) {
	for name, c := range map[string]struct{ kind, data, want string }{
		"JSON":                    {"application/json", `"eyJhIjogMX0="`, `,"data":{"a":1}}`},
		"JSON with a suffix":      {"application/x+json; charset=utf-8", `"MQ=="`, `,"data":1}`},
		"text":                    {"text/plain", `"w7w="`, `,"data":"ü"}`},
		"text that is no UTF-8":   {"text/plain", `"/w=="`, `,"data_base64":"/w=="}`},
		"text in another charset": {"text/plain; charset=latin1", `"YQ=="`, `,"data_base64":"YQ=="}`},
		"bytes":                   {"application/octet-stream", `"YQ=="`, `,"data_base64":"YQ=="}`},
		"no content type":         {"", `"MQ=="`, `,"data_base64":"MQ=="}`},
		"nothing":                 {"application/json", `""`, `,"data_base64":""}`},
		"no JSON":                 {"application/json", `"ew=="`, "data"},
		"JSON that is no UTF-8":   {"application/json", `"Iv8i"`, "data"},
		"bits behind the last":    {"a/b", `"YR=="`, "data_base64"},
	} {
		e := event.Event{ID: "1", Source: "/s", Type: "t", Subject: "e", DataContentType: c.kind, Data: c.data, Base64: true}
		if err := e.Validate(); err != nil {
			t.Errorf("%s: what is in the log must stay readable: %v", name, err)
		}
		before := e
		err := e.Admit()
		if bad, ok := errors.AsType[*event.Invalid](err); ok {
			if bad.Attribute != c.want || e.Data != before.Data || !e.Base64 {
				t.Errorf("%s: %v of %+v", name, err, e)
			}
			continue
		}
		if line := string(e.AppendJSON(nil)); err != nil || !strings.HasSuffix(line, c.want) {
			t.Errorf("%s: %s, %v", name, line, err)
		}
		checkFixedPoint(t, e)
		if again := e; again.Admit() != nil || string(again.AppendJSON(nil)) != string(e.AppendJSON(nil)) {
			t.Errorf("%s: admitted twice it is %+v", name, again)
		}
	}
}

func TestAdmitOwnTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for text, ok := range map[string]bool{
		"": false, "2026-03-01T00:00:00Z": true, "2026-03-01T00:05:00Z": true, "2026-03-01T00:05:00.001Z": false,
		"2026-03-01T01:00:00+01:00": true, "1970-01-01T00:00:00Z": true, "1969-12-31T23:59:59.9999Z": false,
		"1970-01-01T00:00:00+01:00": false, "0001-01-01T00:00:00Z": false, "9999-01-01T00:00:00Z": false,
	} {
		err := (&event.Event{Time: text}).AdmitOwnTime(now)
		bad, named := errors.AsType[*event.Invalid](err)
		if (err == nil) != ok || named && bad.Attribute != "time" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckSubjectAndType(t *testing.T) {
	for _, good := range []string{"a", " ", "ü#%", strings.Repeat("x", event.MaxEntityKeyBytes),
		strings.Repeat("#", event.MaxEntityKeyBytes/3)} {
		if err := errors.Join(event.CheckSubject(good), event.CheckType(good)); err != nil {
			t.Errorf("%.20q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a\n", "\x00", "\xff", "\ufdd0", strings.Repeat("x", 9000)} {
		for _, err := range []error{event.CheckSubject(bad), event.CheckType(bad)} {
			if _, ok := errors.AsType[*event.Invalid](err); !ok {
				t.Errorf("%.20q: %v", bad, err)
			}
		}
	}
	if event.CheckSubject(strings.Repeat("#", event.MaxEntityKeyBytes/3+1)) == nil {
		t.Error("a subject that is too long as a key is accepted")
	}
}
