package sealed_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/event"
	"reprise/pkg/personal/sealed"
)

func compiled(t *testing.T, rule sealed.Rule) *sealed.Compiled {
	t.Helper()
	c, err := sealed.Rules{"it.happened": rule}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func happened(data string) *event.Event {
	return &event.Event{ID: "1", Source: "s", Type: "it.happened", Subject: "entity", Data: data}
}

func token(ref byte) string {
	v := sealed.Value{Ref: sealed.Ref{ref}, Generation: 1, Box: []byte("0123456789abcdef")}
	return string(v.AppendJSON(nil))
}

func TestFieldsAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		data   string
		want   []string // PATH=VALUE
	}{
		{"a member", []string{"/a"}, `{"b":1,"a":"x","c":[]}`, []string{`/a="x"`}},
		{"another case", []string{"/Name"}, `{"nAME":"x"}`, []string{`/nAME="x"`}},
		{"a name twice", []string{"/a"}, `{"a":1,"A":2}`, []string{`/a=1`, `/A=2`}},
		{"nested", []string{"/a/b"}, `{"a":{"b":{"c":[1,2]}},"b":3}`, []string{`/a/b={"c":[1,2]}`}},
		{"elements", []string{"/a/*/b"}, `{"a":[{"b":1},{"c":2},{"b":null},{"b":"x"}]}`, []string{`/a/0/b=1`, `/a/3/b="x"`}},
		{"one element", []string{"/a/1"}, `{"a":[5,6,7]}`, []string{`/a/1=6`}},
		{"members", []string{"/*"}, `{"a":1,"b":[2]}`, []string{`/a=1`, `/b=[2]`}},
		{"escaped", []string{"/a~1b/c~0d"}, `{"a/b":{"c~d":1}}`, []string{`/a~1b/c~0d=1`}},
		{"a name with escapes", []string{"/name"}, `{"n\u0061me":"x"}`, []string{`/name="x"`}},
		{"one within another", []string{"/a", "/a/b"}, `{"a":{"b":1}}`, []string{`/a={"b":1}`}},
		{"all", []string{""}, `"x"`, []string{`="x"`}},
		{"absent", []string{"/a"}, `{"b":1}`, nil},
		{"null", []string{"/a"}, `{"a":null}`, nil},
		{"empty", []string{"/a"}, `{"a":"","b":{}}`, []string{`/a=""`}},
		{"another kind of value", []string{"/a/b"}, `{"a":7}`, nil},
		{"text with braces", []string{"/b"}, `{"a":"}{\"b\":1","b":"\"é😀"}`, []string{`/b="\"é😀"`}},
		{"beside an enormous number", []string{"/b/c", "/a"}, `{"b":1e400,"a":"x"}`, []string{`/a="x"`}},
		{"a lone surrogate", []string{"/a"}, `{"\ud800":1,"a":"\ud800"}`, []string{`/a="\ud800"`}},
		{"a large number", []string{"/a"}, `{"a":12345678901234567890.10}`, []string{`/a=12345678901234567890.10`}},
	} {
		found, err := compiled(t, sealed.Rule{Fields: c.fields}).Find(happened(c.data), false)
		var got []string
		for _, f := range found.Fields {
			got = append(got, f.Path+"="+c.data[f.Start:f.End])
		}
		if err != nil || !slices.Equal(got, c.want) || (len(got) > 0 && found.Subject != "entity") {
			t.Errorf("%s: %q, %v, subject %q", c.name, got, err, found.Subject)
		}
	}
}

func TestSubjectsAreFound(t *testing.T) {
	for _, c := range []struct{ data, want, says string }{
		{`{"who":"ann","a":1}`, "ann", ""},
		{`{"WHO":42,"a":1}`, "42", ""},
		{`{"a":1}`, "", "lacks /who"},
		{`{"who":"","a":1}`, "", "must have at /who"},
		{`{"who":{"x":1},"a":1}`, "", "must have at /who"},
		{`{"who":true,"a":1}`, "", "must have at /who"},
		{`{"who":"ann","Who":"bob","a":1}`, "", "lacks /who"},
		{`{"who":"` + strings.Repeat("x", sealed.MaxSubjectBytes+1) + `","a":1}`, "", "must have at /who"},
		{`{"who":"ann"}`, "", ""}, // nothing is personal
		{`[1]`, "", ""},
		{`"text"`, "", "must be an object"},
	} {
		found, err := compiled(t, sealed.Rule{Fields: []string{"/a"}, Subject: "/who"}).Find(happened(c.data), false)
		var bad *event.Invalid
		if found.Subject != c.want && len(found.Fields) > 0 && err == nil {
			t.Errorf("%s: %q", c.data, found.Subject)
		}
		if (c.says != "") != errors.As(err, &bad) || (bad != nil && !strings.Contains(bad.Problem, c.says)) {
			t.Errorf("%s: %v, want %q", c.data, err, c.says)
		}
	}
	e := happened(`"AAAA"`)
	e.Base64 = true
	if _, err := compiled(t, sealed.Rule{Fields: []string{"/a"}}).Find(e, false); err == nil {
		t.Error("personal fields were looked for in bytes")
	}
}

// TestSealedValuesOfACopyStay: only what is plain is found.
func TestSealedValuesOfACopyStay(t *testing.T) {
	c := compiled(t, sealed.Rule{Fields: []string{"/a", "/b"}, Subject: "/a"})
	e := happened(`{"a":` + token(1) + `,"b":` + token(1) + `}`)
	if found, err := c.Find(e, true); err != nil || len(found.Fields) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
	e = happened(`{"a":"ann","b":` + token(1) + `}`)
	if found, err := c.Find(e, true); err != nil || len(found.Fields) != 1 || found.Fields[0].Path != "/a" {
		t.Errorf("%+v, %v", found, err)
	}
	e = happened(`{"a":` + token(1) + `,"b":"plain"}`)
	if found, err := c.Find(e, true); err == nil {
		t.Errorf("a plain value whose subject is sealed: %+v", found)
	}
}

func TestWrongDeclarationsAreNamed(t *testing.T) {
	for name, rule := range map[string]sealed.Rule{
		"no fields": {}, "no slash": {Fields: []string{"a"}}, "a tilde": {Fields: []string{"/a~2"}},
		"too long":         {Fields: []string{"/" + strings.Repeat("a", 600)}},
		"a subject with *": {Fields: []string{"/a"}, Subject: "/*"},
		"too many":         {Fields: slices.Repeat([]string{"/a"}, sealed.MaxFields+1)},
	} {
		if _, err := (sealed.Rules{"t": rule}).Compile(); !errors.Is(err, sealed.ErrRules) ||
			!strings.Contains(err.Error(), `"t"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, kind := range []string{"", "reprise.event.skipped"} {
		if _, err := (sealed.Rules{kind: {Fields: []string{"/a"}}}).Compile(); !errors.Is(err, sealed.ErrRules) {
			t.Errorf("type %q: %v", kind, err)
		}
	}
}

func TestSealedValuesAreRecognized(t *testing.T) {
	v := sealed.Value{Ref: sealed.Ref{1, 2}, Generation: 7, Salt: [sealed.SaltBytes]byte{3},
		Box: []byte("0123456789abcdef")}
	text := v.AppendJSON(nil)
	places := sealed.Places(fmt.Appendf(nil, `{"a":%s,"b":[{ "$personal" : "x"},%s],"c":%q}`, text, text,
		"x"+string(text)+"y"))
	if len(places) != 3 || places[0].Quoted || !places[2].Quoted {
		t.Fatalf("%+v", places)
	}
	for _, p := range places {
		if p.Value.Ref != v.Ref || p.Value.Generation != 7 || p.Value.Salt != v.Salt || string(p.Value.Box) != string(v.Box) {
			t.Errorf("%+v", p)
		}
	}
	if !sealed.Is(text) || sealed.Is([]byte(`{"$personal":"x"}`)) || sealed.Is([]byte(`"$personal"`)) ||
		sealed.Is(text[1:]) {
		t.Error("Is recognizes another form")
	}
}

// TestProducersCannotSendSealedValues, in whatever way they write the name.
func TestProducersCannotSendSealedValues(t *testing.T) {
	for data, want := range map[string]bool{
		`{"a":` + token(1) + `}`: true, `{"\u0024personal":"x"}`: true, `{"$\u0070ersonal":"x"}`: true,
		`{"a":["{\"$personal\":\"x\"}"]}`: true, `"\u0024personal"`: true,
		`{"n":1e400,"\u0024personal":"x"}`: true, `{"a":{"\ud800":1},"b":"\u0024personal"}`: true,
		`{"n":1e400,"a":"\u00e9"}`: false,
		`{"personal":"x"}`:         false, `{"a":"$ personal \u00e9"}`: false, ``: false, `{"a":"\u0024"}`: false,
	} {
		if got := sealed.Reserved(happened(data)); got != want {
			t.Errorf("%s: %t", data, got)
		}
	}
	e := happened(`{}`)
	e.Extensions = []event.Extension{event.StringExtension("x", `{"$personal":"y"}`)}
	if !sealed.Reserved(e) {
		t.Error("an attribute may have the name")
	}
	if e = happened(`{}`); !func() bool { e.Subject = sealed.Name; return sealed.Reserved(e) }() {
		t.Error("a subject may have the name")
	}
}

// FuzzFind: what is found lies within the text, in order, and is a whole value.
func FuzzFind(f *testing.F) {
	f.Add(`{"a":[{"b":1,"c":{"b":"x"}},2],"b":null}`)
	f.Add(`{"b":"\u0061","B":[[]]}`)
	rules, err := sealed.Rules{"it.happened": {Fields: []string{"/b", "/a/*/b", "/*/c/b"}}}.Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data string) {
		e, err := event.Parse(`{"specversion":"1.0","id":"1","source":"s","type":"it.happened","subject":"e","data":` +
			data + `}`)
		if err != nil {
			t.Skip()
		}
		found, err := rules.Find(&e, false)
		if err != nil {
			t.Skip()
		}
		at := 0
		for _, field := range found.Fields {
			whole := `{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"e","data":` +
				e.Data[field.Start:field.End] + `}`
			if _, err := event.Parse(whole); err != nil || field.Start < at {
				t.Fatalf("%+v of %s: %v", field, e.Data, err)
			}
			at = field.End
		}
	})
}
