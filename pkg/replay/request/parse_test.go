package request

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRequestsAreRefusedWithAReason(t *testing.T) {
	for _, tt := range [][2]string{
		{`{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}`,
			"invalid replay request: from 2026-03-02T00:00:00Z is not before to 2026-03-01T00:00:00Z"},
		{`{"from":"2026-03-02T00:00:00Z","to":"2026-03-02T00:00:00Z"}`,
			"invalid replay request: from 2026-03-02T00:00:00Z is not before to 2026-03-02T00:00:00Z"},
		{`{"from":"yesterday"}`, "invalid replay request: from is not an RFC 3339 time such as 2026-03-01T00:00:00Z, " +
			"with at most nine decimal places"},
		{`{"form":"2026-03-02T00:00:00Z"}`, `invalid replay request: member "form" is not known here`},
		{`{"promote":true}`, "invalid replay request: promote needs rebuild: only a rebuilt generation can become active"},
		{`{"rebuild":true,"types":["a"]}`,
			"invalid replay request: a rebuild takes the whole log: " +
				"leave from, to, types, entities, prefixes and attribute out"},
		{`{"types":[""]}`,
			"invalid replay request: types holds a type that no event can have: it is required and must not be empty"},
		{`{"from":"2026-03-01T00:00:00.0001Z","to":"2026-03-01T00:00:00.0009Z"}`,
			"invalid replay request: from 2026-03-01T00:00:00.001Z is not before to 2026-03-01T00:00:00.001Z"},
		{`{"to":"9999-12-31T23:59:59.9999Z"}`, "invalid replay request: to lies outside of the years 0 to 9999 in UTC"},
		{`{"from":"0000-01-01T00:00:00+01:00"}`, "invalid replay request: from lies outside of the years 0 to 9999 in UTC"},
		{`{"parallelism":-1}`, "invalid replay request: parallelism -1 is not a whole number between 1 and 256"},
		{`{"parallelism":"many"}`, "invalid replay request: parallelism must not be a string"},
		{`{} {}`, "invalid replay request: the input: there is text after the object"},
	} {
		input, want := tt[0], tt[1]
		if _, err := Parse([]byte(input)); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", input, err, want)
		}
	}
}

func TestEqualRequestsHaveOneForm(t *testing.T) {
	a, err := Parse([]byte(`{"from":"2026-03-01T00:59:59.9994+01:00","types":["b","a","b"],"parallelism":8}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse([]byte(`{"types":["a","b"],"from":"2026-03-01T00:00:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	if !a.Same(b) {
		t.Errorf("%+v and %+v ask for the same", a, b)
	}
	b.Types = b.Types[:1]
	if a.Same(b) {
		t.Errorf("%+v and %+v do not ask for the same", a, b)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"from":"2026-03-01T01:00:00+01:00","types":["b"],"rebuild":false}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := r.Normalized()
		if err != nil || !again.Same(r) {
			t.Errorf("the form of %q is not stable: %v", raw, fmt.Sprint(again, r))
		}
	})
}

// Every member is refused by name if it is of the wrong kind, null, empty or out of
// its range.
func TestEveryMemberIsReadStrictly(t *testing.T) {
	for _, tt := range [][2]string{
		{`{"From":"2026-03-01T00:00:00Z"}`, `member "From" is not known here`},
		{`{"rate":1,"rate":1}`, `rate is given twice`},
		{`{"to":"2026-03-01T00:00:00,5Z"}`, `to is not an RFC 3339 time`},
		{`{"to":"2026-03-01T00:00:00+24:00"}`, `to is not an RFC 3339 time`},
		{`{"to":"2026-03-01T0:00:00Z"}`, `to is not an RFC 3339 time`},
		{`{"to":"2026-03-01T00:00:00.1234567891Z"}`, `to is not an RFC 3339 time`},
		{`{"to":"2026-03-01T00:00:00.1234567891+0"}`, `to is not an RFC 3339 time`},
		{`{"types":null}`, `types must not be null: leave it out`},
		{`{"types":[]}`, `types must not be empty: leave it out to select all`},
		{`{"types":["a\u0000"]}`, `types holds a type that no event can have: it has the control character`},
		{`{"entities":["a\n"]}`, `entities holds an id that no event can have: it has the control character`},
		{`{"prefixes":[""]}`, `prefixes holds a prefix that no event can have: it is required`},
		{`{"attribute":"tenant=acme"}`, `attribute: it must be an object, not a string`},
		{`{"attribute":{"name":"tenant"}}`, `attribute needs a name and a value, both strings`},
		{`{"attribute":{"name":"a","Value":"b"}}`, `attribute: member "Value" is not known here`},
		{`{"attribute":{"name":"a","value":"\u009f"}}`,
			`attribute is none that an event can have as an extension: it has`},
		{`{"attribute":{"name":"type","value":"a"}}`, `it is an attribute of CloudEvents itself`},
		{`{"attribute":{"name":"","value":"a"}}`, `it has an empty name`},
		{`{"ordering":"Window"}`, `ordering "Window" is not one of entity, window and none`},
		{`{"ordering":""}`, `ordering must not be empty: leave it out`},
		{`{"slice":"90m"}`, `slice "90m" is not a number of hours or days such as 6h or 7d`},
		{`{"slice":6}`, `slice must not be a number`},
		{`{"parallelism":0}`, `parallelism 0 is not a whole number between 1 and 256`},
		{`{"rate":-1}`, `rate -1 is not a whole number between 0 and 10000000`},
		{`{"rate":1.5}`, `rate 1.5 is not a whole number`},
		{`{"rate":1e400}`, `rate 1e400 is not a whole number`},
		{`{"rate":1e-400}`, `rate 1e-400 is not a whole number`},
		{`{"rate":NaN}`, `the input: it is not a JSON object`},
		{`{"rate":"NaN"}`, `rate must not be a string`},
		{`{"rate":[1]}`, `rate must not be a array`},
		{`{"dryRun":"yes"}`, `dryRun must not be a string`},
		{`{"rebuild":true,"ordering":"none"}`, `ordering none does not go with rebuild`},
		{`{"rebuild":true,"prefixes":["a"]}`, `leave from, to, types, entities, prefixes and attribute out`},
		{`{"rebuild":true,"attribute":{"name":"a","value":"b"}}`,
			`leave from, to, types, entities, prefixes and attribute out`},
	} {
		input, want := tt[0], tt[1]
		_, err := Parse([]byte(input))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", input, err, want)
		}
	}
}

// A request keeps what it was given, the bounds to the nanosecond before they are
// rounded up, and leaves the default ordering out.
func TestARequestIsReadWhole(t *testing.T) {
	got, err := Parse([]byte(`{"from":"2026-03-01T00:00:00.000000001Z","types":["t"],"entities":["e"],"prefixes":["p"],` +
		`"attribute":{"name":"tenant","value":"acme"},"ordering":"entity","slice":"48h","parallelism":1.6e1,"rate":500.0,` +
		`"dryRun":true}`))
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 1, 0, 0, 0, int(time.Millisecond), time.UTC)
	want := Request{From: &from, Types: []string{"t"}, Entities: []string{"e"}, Prefixes: []string{"p"},
		Attribute: &Attribute{"tenant", "acme"}, Slice: "2d", Parallelism: 16, Rate: 500, DryRun: true}
	if !got.Same(want) || got.Order() != ByEntity || got.Slice.Duration() != 48*time.Hour {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Entities and prefixes select together; an attribute by its text, whatever its kind.
func TestASelectionOfEntitiesAndAttributes(t *testing.T) {
	line := func(tenant string) []byte {
		return []byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"x","tenant":` + tenant + `}`)
	}
	for _, tt := range []struct {
		request Request
		entity  string
		line    []byte
		want    bool
	}{
		{Request{Prefixes: []string{"ab"}}, "abc", nil, true},
		{Request{Prefixes: []string{"ab"}}, "ab", nil, true},
		{Request{Prefixes: []string{"ab"}}, "aab", nil, false},
		{Request{Prefixes: []string{"ab"}, Entities: []string{"c"}}, "c", nil, true},
		{Request{Prefixes: []string{"ab"}, Entities: []string{"c"}}, "d", nil, false},
		{Request{Attribute: &Attribute{"tenant", "acme"}}, "x", line(`"acme"`), true},
		{Request{Attribute: &Attribute{"tenant", "acm"}}, "x", line(`"acme"`), false},
		{Request{Attribute: &Attribute{"tenant", "42"}}, "x", line(`42`), true},
		{Request{Attribute: &Attribute{"tenant", "true"}}, "x", line(`true`), true},
		{Request{Attribute: &Attribute{"other", ""}}, "x", line(`""`), false},
		{Request{Attribute: &Attribute{"tenant", ""}}, "x", line(`""`), true},
		{Request{Attribute: &Attribute{"tenant", "a"}, Types: []string{"u"}}, "x", line(`"a"`), false},
		{Request{Attribute: &Attribute{"tenant", "a"}, Types: []string{"t"}}, "x", line(`"a"`), true},
	} {
		s := tt.request.Selection()
		if got, err := s.Wants(tt.entity, 0, tt.line); err != nil || got != tt.want {
			t.Errorf("%+v wants %s, %s: %t, %v", tt.request, tt.entity, tt.line, got, err)
		}
	}
	s := Request{Attribute: &Attribute{"tenant", "a"}}.Selection()
	if _, err := s.Wants("x", 0, []byte("no event")); err == nil {
		t.Error("a line that is no event was judged")
	}
}

// A slice is a multiple of the buckets, which are read as a whole.
func TestASliceIsAMultipleOfABucket(t *testing.T) {
	for slice, want := range map[Width]bool{"": true, "1d": true, "48h": true, "36h": false, "1h": false} {
		if err := (Request{Slice: slice}).CheckSlice(24 * time.Hour); (err == nil) != want {
			t.Errorf("%s: %v", slice, err)
		}
	}
}
