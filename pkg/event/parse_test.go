package event_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
)

func TestParseVerdicts(t *testing.T) {
	names := map[string]bool{}
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			names[v.text] = true
			e, err := event.Parse(v.text)
			checkVerdict(t, v, err)
			if err != nil {
				if !isZero(e) {
					t.Errorf("Parse gave %+v with its error", e)
				}
				return
			}
			if err := e.Validate(); err != nil {
				t.Errorf("Validate refuses what Parse accepted: %v", err)
			}
			checkFixedPoint(t, e)
		})
	}
	if len(names) != len(verdicts) {
		t.Errorf("%d of %d texts are there twice", len(verdicts)-len(names), len(verdicts))
	}
}

func isZero(e event.Event) bool {
	return e.Extensions == nil && fmt.Sprint(e) == fmt.Sprint(event.Event{})
}

func checkVerdict(t *testing.T, v verdict, err error) {
	t.Helper()
	if v.want == "" {
		if err != nil {
			t.Errorf("Parse refuses a valid event: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("Parse accepts; want an error with %q", v.want)
	}
	if _, ok := errors.AsType[*event.Invalid](err); !ok || !strings.Contains(err.Error(), v.want) {
		t.Errorf("Parse says %q; want an *Invalid with %q", err, v.want)
	}
	if len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes repeats the text", len(err.Error()))
	}
}

// Tries every control character and noncharacter in every text attribute.
func TestParseRefusesCharacters(t *testing.T) {
	var refused []rune
	for r := rune(0); r < 0x20; r++ {
		refused = append(refused, r)
	}
	for r := rune(0x7f); r <= 0x9f; r++ {
		refused = append(refused, r)
	}
	for r := rune(0xfdd0); r <= 0xfdef; r++ {
		refused = append(refused, r)
	}
	for plane := rune(0); plane <= 16; plane++ {
		refused = append(refused, plane<<16|0xfffe, plane<<16|0xffff)
	}
	for _, attribute := range []string{"id", "source", "type", "subject", "datacontenttype", "dataschema", "anextension"} {
		for _, r := range refused {
			escape := fmt.Sprintf(`\u%04x`, r)
			if r > 0xffff {
				escape = string(r)
			}
			_, err := event.Parse(made(attribute, quoted("a:b"+escape+"c")))
			bad, ok := errors.AsType[*event.Invalid](err)
			if !ok || bad.Attribute != attribute || !strings.Contains(bad.Problem, fmt.Sprintf("U+%04X", r)) {
				t.Errorf("%s with U+%04X: %v", attribute, r, err)
			}
		}
	}
}

func TestParseReadsAttributes(t *testing.T) {
	e, err := event.Parse(` { "zz":"\u00e9", "data" : { "a" : "b c" } , "dataschema":"urn:a",
		"time":"2026-03-01T09:30:00.5+05:45", "datacontenttype":"application/json",
		"flag":true, "gone":null, "count":-0,
		"subject":"a\/b", "type":"t", "source":"/s", "id":"1", "specversion":"1.0" } `)
	if err != nil {
		t.Fatal(err)
	}
	want := `{ID:1 Source:/s Type:t Subject:a/b Time:2026-03-01T09:30:00.5+05:45 DataContentType:application/json ` +
		`DataSchema:urn:a Extensions:[{Name:count Value:0} {Name:flag Value:true} {Name:zz Value:"é"}] ` +
		`Data:{"a":"b c"} Base64:false}`
	if got := fmt.Sprintf("%+v", e); got != want {
		t.Errorf("Parse reads\n%s, want\n%s", got, want)
	}
}

func TestTimestamp(t *testing.T) {
	if at, ok := new(event.Event).Timestamp(); ok || !at.IsZero() {
		t.Errorf("an event without a time has the time %v", at)
	}
	e := event.Event{Time: "2026-03-01T09:30:00.5+05:45"}
	at, ok := e.Timestamp()
	if want := time.Date(2026, 3, 1, 3, 45, 0, 500e6, time.UTC); !ok || !at.Equal(want) {
		t.Errorf("Timestamp is %v, want %v", at, want)
	}
}

// A fold must give the same result on every machine, so Timestamp must not depend on
// the machine's time zone.
func TestTimestampIgnoresLocalZone(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	e := event.Event{Time: "2026-03-28T09:30:00+01:00"}
	time.Local = time.UTC
	abroad, _ := e.Timestamp()
	time.Local = berlin
	home, _ := e.Timestamp()
	// Summer time begins between the two days.
	if a, b := abroad.AddDate(0, 0, 2).String(), home.AddDate(0, 0, 2).String(); a != b {
		t.Errorf("two days later it is %s, but %s in Berlin", a, b)
	}
}

func TestValidateBuiltEvents(t *testing.T) {
	for name, c := range map[string]struct {
		change func(e *event.Event)
		want   string
	}{
		"as it is":       {func(e *event.Event) {}, ""},
		"no id":          {func(e *event.Event) { e.ID = "" }, "id: is required"},
		"broken subject": {func(e *event.Event) { e.Subject = "\xff" }, "subject: is not valid Unicode"},
		"extension":      {func(e *event.Event) { e.Extensions = []event.Extension{{"a", "1"}, {"b", `"x"`}} }, ""},
		"extension helper": {func(e *event.Event) {
			e.Extensions = []event.Extension{event.StringExtension("a",
				`<"é\>`)}
		}, ""},
		"extension no JSON": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", "x"}} },
			"a: is not the JSON text"},
		"extension empty": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", ""}} },
			"a: is not the JSON text"},
		"extension injects": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", `1,"b":2`}} },
			"a: is not the JSON text"},
		"extension blank": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", `1 `}} },
			"a: is not the JSON text"},
		"extension broken": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", "\"\xff\""}} },
			"a: is not the JSON text"},
		"extension null": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", "null"}} },
			"a: is not the canonical"},
		"extension escapes": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", `"\u003c"`}} },
			"a: is not the canonical"},
		"extension -0": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", `-0`}} },
			"a: is not the canonical"},
		"extension unsorted": {func(e *event.Event) { e.Extensions = []event.Extension{{"b", "1"}, {"a", "1"}} },
			"a: is out of order"},
		"extension twice": {func(e *event.Event) { e.Extensions = []event.Extension{{"a", "1"}, {"a", "1"}} },
			"a: is out of order"},
		"extension id": {func(e *event.Event) { e.Extensions = []event.Extension{{"id", `"1"`}} },
			"id: is not an extension attribute"},
		"extension data": {func(e *event.Event) { e.Extensions = []event.Extension{{"data", `"1"`}} },
			"data: is not an extension attribute"},
		"extension reserved": {func(e *event.Event) { e.Extensions = []event.Extension{{"repriselogged", `"1"`}} },
			"is reserved"},
		"extension name": {func(e *event.Event) { e.Extensions = []event.Extension{{`a"`, `"1"`}} },
			"is not an attribute name"},
		"data":             {func(e *event.Event) { e.Data = `{"a":1}` }, ""},
		"data null":        {func(e *event.Event) { e.Data = `null` }, ""},
		"data not compact": {func(e *event.Event) { e.Data = `{"a": 1}` }, "data: is not compact JSON"},
		"data newline":     {func(e *event.Event) { e.Data = "1\n" }, "data: is not compact JSON"},
		"data injects":     {func(e *event.Event) { e.Data = `1,"id":"2"` }, "data: is not compact JSON"},
		"data broken":      {func(e *event.Event) { e.Data = "\"\xff\"" }, "data: is not compact JSON"},
		"data too deep": {func(e *event.Event) { e.Data = strings.Repeat("[", 201) + strings.Repeat("]", 201) },
			"data: is not compact JSON"},
		"base64":              {func(e *event.Event) { e.Data, e.Base64 = `"AQ=="`, true }, ""},
		"base64 empty":        {func(e *event.Event) { e.Data, e.Base64 = `""`, true }, ""},
		"base64 without data": {func(e *event.Event) { e.Base64 = true }, "data: is not compact JSON"},
		"base64 no quotes":    {func(e *event.Event) { e.Data, e.Base64 = `1234`, true }, "data_base64: is not base64"},
		"base64 wrong":        {func(e *event.Event) { e.Data, e.Base64 = `"A"`, true }, "data_base64: is not base64"},
		"base64 escaped":      {func(e *event.Event) { e.Data, e.Base64 = `"\/w=="`, true }, "data_base64: is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			e := event.Event{ID: "1", Source: "/s", Type: "t", Subject: "e"}
			c.change(&e)
			err := e.Validate()
			checkVerdict(t, verdict{want: c.want}, err)
			if err == nil {
				checkFixedPoint(t, e)
			}
		})
	}
}

func TestInvalidError(t *testing.T) {
	if got := (&event.Invalid{Problem: "p"}).Error(); got != "invalid event: p" {
		t.Error(got)
	}
	if got := (&event.Invalid{Attribute: "a", Problem: "p"}).Error(); got != "invalid event: a: p" {
		t.Error(got)
	}
}
