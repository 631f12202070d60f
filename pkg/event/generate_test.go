package event_test

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/event"
)

// letters are characters that a text attribute may hold, the awkward ones
// often.
var letters = rapid.OneOf(
	rapid.RuneFrom([]rune(`ab#%/"\ é,:{}[]<&`+"\u2028\u2029\ufffd👩\U0010fffd")),
	rapid.Rune().Filter(func(r rune) bool {
		return r >= 0x20 && (r < 0x7f || r > 0x9f) && (r < 0xfdd0 || r > 0xfdef) && r&0xfffe != 0xfffe
	}),
)

func text(t *rapid.T, name string) string {
	return rapid.StringOfN(letters, 1, 30, 250).Draw(t, name)
}

var (
	sources = rapid.StringMatching(`(https://[a-z]{1,8}\.example|urn)?(/[a-z0-9._~-]{1,8}){1,3}(\?a=[0-9]{1,3})?`)
	types   = rapid.SampledFrom([]string{"", "application/json", "application/vnd.a+json; charset=utf-8"})
	schemas = rapid.SampledFrom([]string{"", "urn:schema:1", "https://example.com/schema#v2"})
	names   = rapid.StringMatching(`[a-z0-9]{1,20}`).Filter(func(s string) bool {
		return !strings.HasPrefix(s, event.ReservedPrefix) && !slices.Contains(strings.Fields(
			"specversion id source type subject time datacontenttype dataschema data"), s)
	})
	values = rapid.OneOf(
		rapid.Map(rapid.StringOfN(letters, 0, 20, 200), func(s string) string { return event.StringExtension("", s).Value }),
		rapid.Map(rapid.Int32(), func(n int32) string { return strconv.Itoa(int(n)) }),
		rapid.SampledFrom([]string{"true", "false"}),
	)
)

// jsonText is a compact JSON text, which may hold what a playback record adds.
func jsonText(t *rapid.T, depth int) string {
	kinds := 5
	if depth == 0 {
		kinds = 3
	}
	list := func(open, shut string, item func() string) string {
		items := make([]string, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range items {
			items[i] = item()
		}
		return open + strings.Join(items, ",") + shut
	}
	name := rapid.SampledFrom([]string{`"a"`, `""`, `"\u00e9"`, `"repriseposition"`, `"repriselogged"`, `"\ud800"`})
	switch rapid.IntRange(1, kinds).Draw(t, "kind") {
	case 1:
		return rapid.SampledFrom([]string{"null", "true", "0", "-0", "1.50", "1E400", "12345678901234567890"}).Draw(t,
			"scalar")
	case 2:
		return `"` + rapid.SampledFrom([]string{"", " \u2028 ", `\n\u0000\\`, `\"}`, ` : , `, `,\"repriseposition\":\"`,
			"é", `\ud800`}).Draw(t, "text") + `"`
	case 3:
		return event.StringExtension("", text(t, "string")).Value
	case 4:
		return list("[", "]", func() string { return jsonText(t, depth-1) })
	}
	return list("{", "}", func() string { return name.Draw(t, "name") + ":" + jsonText(t, depth-1) })
}

// anyEvent is a valid event.
var anyEvent = rapid.Custom(func(t *rapid.T) event.Event {
	e := event.Event{
		ID: text(t, "id"), Source: sources.Draw(t, "source"), Type: text(t, "type"), Subject: text(t, "subject"),
		DataContentType: types.Draw(t, "datacontenttype"), DataSchema: schemas.Draw(t, "dataschema"),
	}
	if rapid.Bool().Draw(t, "timed") {
		at := time.Unix(rapid.Int64Range(-62e9, 253e9).Draw(t, "second"),
			rapid.Int64Range(0, 999999999).Draw(t, "nanosecond"))
		e.Time = at.In(time.FixedZone("", 60*rapid.IntRange(-1400, 1400).Draw(t, "offset"))).Format(time.RFC3339Nano)
	}
	for _, name := range rapid.SliceOfNDistinct(names, 0, 5, rapid.ID).Draw(t, "names") {
		e.Extensions = append(e.Extensions, event.Extension{Name: name, Value: values.Draw(t, "value")})
	}
	slices.SortFunc(e.Extensions, func(a, b event.Extension) int { return strings.Compare(a.Name, b.Name) })
	switch rapid.IntRange(0, 3).Draw(t, "data") {
	case 0:
	case 1:
		bytes := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		e.Data, e.Base64 = `"`+base64.StdEncoding.EncodeToString(bytes)+`"`, true
	default:
		e.Data = jsonText(t, 3)
	}
	return e
})

var anyPosition = rapid.Custom(func(t *rapid.T) event.Position {
	p, err := event.NewPosition(rapid.IntRange(0, event.MaxEpoch).Draw(t, "epoch"),
		anySequence.Draw(t, "sequence"), rapid.IntRange(0, event.MaxIndex).Draw(t, "index"))
	if err != nil {
		t.Fatal(err)
	}
	return p
})

var anySequence = rapid.OneOf(
	rapid.StringMatching(`0|[1-9][0-9]{0,3}`),
	rapid.StringMatching(`[1-9][0-9]{0,128}`),
	rapid.StringMatching(`[1-9]0{128}|9{129}|9{15}|10{15}`),
)

type failer interface {
	Helper()
	Errorf(string, ...any)
}

var _ failer = (*testing.T)(nil)

// checkFixedPoint checks that the canonical encoding of a valid event is one
// line that reads back as the same event and writes the same bytes again.
func checkFixedPoint(t failer, e event.Event) {
	t.Helper()
	line := e.AppendJSON(nil)
	if strings.ContainsAny(string(line), "\n\r") {
		t.Errorf("%q is more than one line", line)
	}
	again, err := event.Parse(string(line))
	if err != nil {
		t.Errorf("Parse refuses the canonical %q: %v", line, err)
		return
	}
	if !reflect.DeepEqual(e, again) {
		t.Errorf("Parse makes\n%+v\nof\n%+v", again, e)
	}
	if second := again.AppendJSON(nil); string(second) != string(line) {
		t.Errorf("the canonical encoding changes:\n%s\n%s", line, second)
	}
}
