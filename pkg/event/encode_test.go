package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/event"
)

func parse(t *testing.T, text string) event.Event {
	t.Helper()
	e, err := event.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAppendJSONGolden(t *testing.T) {
	text := ` {"data" : {"b":[1, 2.0 ], "a" : " x " },"zone":"\u00e9\u0022\/\u2028",` +
		`"subject":"a#b","type":"t.\u0068appened",` +
		`"count":-0,"id":"\ud83d\ude80","source":"/s","flag":true,"time":"2026-03-01T09:30:00Z",` + "\r\n" +
		`"dataschema":"urn:a","datacontenttype":"application/json","specversion":"1.0","gone":null}`
	want := `before{"specversion":"1.0","id":"🚀","source":"/s","type":"t.happened","subject":"a#b",` +
		`"time":"2026-03-01T09:30:00Z","datacontenttype":"application/json","dataschema":"urn:a",` +
		`"count":0,"flag":true,"zone":"é\"/` + "\u2028" + `","data":{"b":[1,2.0],"a":" x "}}`
	e := parse(t, text)
	if got := string(e.AppendJSON([]byte("before"))); got != want {
		t.Errorf("the canonical encoding is\n%s, want\n%s", got, want)
	}
	e = parse(t, made("data_base64", `"\/w=="`))
	want = `{"specversion":"1.0","id":"1","source":"/s","type":"t.happened","subject":"e","data_base64":"/w=="}`
	if got := string(e.AppendJSON(nil)); got != want {
		t.Errorf("the canonical encoding is\n%s, want\n%s", got, want)
	}
}

func TestCanonicalIsOneForm(t *testing.T) {
	for name, texts := range map[string][]string{
		"é":        {made("id", `"é"`), made("id", `"\u00e9"`), made("id", `"\u00E9"`), made("id", "-", `\u0069d`, `"é"`)},
		"emoji":    {made("subject", `"🚀"`), made("subject", `"\ud83d\ude80"`), made("subject", `"\uD83D\uDE80"`)},
		"slash":    {made("source", `"/a"`), made("source", `"\/a"`), made("source", `"\u002fa"`)},
		"quote":    {made("id", `"\""`), made("id", `"\u0022"`)},
		"ext":      {made("a", `"é<\""`), made("a", `"\u00e9\u003c\u0022"`), made(`\u0061`, `"é\u003c\""`)},
		"integer":  {made("a", "0"), made("a", "-0")},
		"null":     {made(), made("time", "null"), made("a", "null"), made("data_base64", "null"), " " + made() + "\n"},
		"order":    {made("a", "1", "b", "2"), made("b", "2", "a", "1"), made("c", "null", "b", "2", "a", "1")},
		"base64":   {made("data_base64", `"/+8="`), made("data_base64", `"\/\u002b8="`)},
		"data":     {made("data", `{"a":[1,2]}`), made("data", "{ \"a\" :\n[ 1 ,\t2 ]\r}"), made("data", ` {"a":[1,2]} `)},
		"data LS":  {made("data", "\"\u2028\""), made("data", " \"\u2028\" ")},
		"in front": {made("data", `"x y"`), strings.Replace(made(), "{", "{\"data\": \"x y\",", 1)},
	} {
		first := parse(t, texts[0])
		want := first.AppendJSON(nil)
		for _, text := range texts[1:] {
			e := parse(t, text)
			if got := e.AppendJSON(nil); !bytes.Equal(got, want) {
				t.Errorf("%s: %s gives\n%s, want\n%s", name, text, got, want)
			}
		}
	}
}

// Different contents must have different canonical encodings.
func TestCanonicalKeepsApart(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		made(), made("data", "null"), made("data", `""`), made("data", "0"), made("data", "0.0"), made("data", "-0"),
		made("data", `"é"`), made("data", `"\u00e9"`), made("data", `{"a":1,"b":2}`), made("data", `{"b":2,"a":1}`),
		made("data", `"AQ=="`), made("data_base64", `"AQ=="`), made("data_base64", `""`), made("data", `"a b"`),
		made("data", `"ab"`),
		made("a", "1"), made("a", `"1"`), made("a", "true"), made("a", `"true"`), made("a", `""`), made("b", "1"),
		made("id", `"\\u0031"`), made("id", `"1 "`), made("time", `"2026-03-01T09:30:00Z"`),
		made("time", `"2026-03-01T10:30:00+01:00"`),
	} {
		e := parse(t, text)
		line := string(e.AppendJSON(nil))
		if other, ok := seen[line]; ok {
			t.Errorf("%s and %s have one canonical encoding", other, text)
		}
		seen[line] = text
	}
}

func TestValidEventsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent.Draw(t, "event")
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		checkFixedPoint(t, e)
		if line := e.AppendJSON(nil); !json.Valid(line) {
			t.Errorf("%q is not JSON", line)
		}
	})
}

// The spelling of an event (order, white space, escapes) does not matter.
func TestSpellingDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent.Draw(t, "event")
		spelt := respell(t, e)
		got, err := event.Parse(spelt)
		if err != nil {
			t.Fatalf("%s: %v", spelt, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("%s reads as\n%+v, want\n%+v", spelt, got, e)
		}
	})
}

func respell(t *rapid.T, e event.Event) string {
	blank := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n", "\t\r "}).Draw(t, "blank") }
	spell := func(s string) string {
		var b strings.Builder
		for _, r := range s {
			switch {
			case r < 0x10000 && (r == '"' || r == '\\' || rapid.Bool().Draw(t, "escape")):
				fmt.Fprintf(&b, `\u%04X`, r)
			default:
				b.WriteRune(r)
			}
		}
		return `"` + b.String() + `"`
	}
	members := []string{`"specversion"` + blank() + ":" + blank() + spell("1.0")}
	add := func(name, value string) {
		members = append(members, spell(name)+blank()+":"+blank()+value)
	}
	for _, a := range [][2]string{
		{"id", e.ID}, {"source", e.Source}, {"type", e.Type}, {"subject", e.Subject}, {"time", e.Time},
		{"datacontenttype", e.DataContentType}, {"dataschema", e.DataSchema},
	} {
		if a[1] != "" {
			add(a[0], spell(a[1]))
		} else if rapid.Bool().Draw(t, "null") {
			add(a[0], "null")
		}
	}
	for _, x := range e.Extensions {
		add(x.Name, x.Value)
	}
	switch {
	case e.Base64:
		add("data_base64", spell(strings.Trim(e.Data, `"`)))
	case e.Data != "":
		add("data", e.Data)
	}
	members = rapid.Permutation(members).Draw(t, "order")
	for i := range members {
		members[i] = blank() + members[i] + blank()
	}
	return blank() + "{" + strings.Join(members, ",") + "}" + blank()
}

func TestPlacedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent.Draw(t, "event")
		line := e.AppendJSON(nil)
		at := anyPosition.Draw(t, "position")
		logged := rapid.Int64().Draw(t, "logged")
		placed := event.AppendPlaced([]byte("before"), slices.Clone(line), at, logged)[len("before"):]
		if !json.Valid(placed) {
			t.Fatalf("%q is not JSON", placed)
		}
		before := bytes.Clone(placed)
		gotLine, gotAt, gotLogged, err := event.SplitPlaced(placed)
		if err != nil || !bytes.Equal(gotLine, line) || gotAt != at || gotLogged != logged {
			t.Errorf("SplitPlaced(%q) = %q, %q, %d, %v", placed, gotLine, gotAt, gotLogged, err)
		}
		clear(gotLine)
		if !bytes.Equal(placed, before) {
			t.Errorf("the line shares memory with the record")
		}
	})
}

func TestPlacedWithForgedData(t *testing.T) {
	at, _ := event.NewPosition(1, "42", 0)
	forged, _ := event.NewPosition(9, "99", 9)
	inner := string(event.AppendPlaced(nil, []byte("{\"a\":1}"), forged, 7))
	for _, data := range []string{inner, "[" + inner + "]", event.StringExtension("", inner).Value,
		`{"a":1,"repriseposition":"x"}`, `",\"repriseposition\":\""`} {
		e := parse(t, made("data", data))
		line := e.AppendJSON(nil)
		gotLine, gotAt, logged, err := event.SplitPlaced(event.AppendPlaced(nil, line, at, 1))
		if err != nil || !bytes.Equal(gotLine, line) || gotAt != at || logged != 1 {
			t.Errorf("data %s: %s, %s, %d, %v", data, gotLine, gotAt, logged, err)
		}
	}
}

func TestAppendPlacedGolden(t *testing.T) {
	at, _ := event.NewPosition(1, "42", 3)
	got := string(event.AppendPlaced(nil, []byte(`{"a":1}`), at, 1772357400123))
	if want := `{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"1772357400123"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSplitPlacedRefuses(t *testing.T) {
	const good = `{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"17"}`
	if _, _, _, err := event.SplitPlaced([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "{}", `"}`, good[:len(good)-1], good + " ", good + "}", `{"a":1}`,
		`{"a":1,"repriseposition":"0001-0242-0003"}`,
		`{"a":1,"repriselogged":"17"}`,
		`{"a":1,"repriselogged":"17","repriseposition":"0001-0242-0003"}`,
		`{"a":1, "repriseposition":"0001-0242-0003","repriselogged":"17"}`,
		`{"a":1,"repriseposition":"","repriselogged":"17"}`,
		`{"a":1,"repriseposition":"0001-0142-0003","repriselogged":"17"}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":""}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"+17"}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"017"}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"-0"}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"1e3"}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"9223372036854775808"}`,
		`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"17","b":"}`,
		`,"repriseposition":"0001-0242-0003","repriselogged":"17"}`,
	} {
		line, at, logged, err := event.SplitPlaced([]byte(text))
		checkVerdict(t, verdict{want: "invalid event: reprise"}, err)
		if line != nil || at != "" || logged != 0 {
			t.Errorf("%s: %q, %q, %d with its error", text, line, at, logged)
		}
	}
}
