package mask_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/pkg/archive/mask"
	"reprise/pkg/event"
)

func masker(t testing.TB, rules, key string) *mask.Masker {
	t.Helper()
	r, err := mask.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mask.New(r, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const key = "0123456789abcdef"

// of are rules for one type, thing.done.
func of(rules string) string {
	return `{"format":1,"entities":"keep","types":{"thing.done":` + rules + `}}`
}

// thing is an event with that data and further members.
func thing(data, more string) string {
	return `{"specversion":"1.0","id":"1","source":"/t","type":"thing.done","subject":"s"` + more + data + `}`
}

// canonical is the canonical line of an event.
func canonical(t testing.TB, text string) string {
	t.Helper()
	e, err := event.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.AppendJSON(nil))
}

func TestWhatRulesDo(t *testing.T) {
	m := masker(t, of(`{"data":{"/a":"hash"}}`), key)
	out, err := m.Mask([]byte(canonical(t, thing(`,"data":{"a":"Ada"}`, ""))))
	if err != nil {
		t.Fatal(err)
	}
	_, ada, _ := strings.Cut(string(out), `"a":"`)
	ada = ada[:32]
	for _, c := range []struct{ rules, event, want string }{
		{`{}`, thing(`,"data":{"a":1e400}`, ""), thing(`,"data":{"a":1e400}`, "")},
		{`{}`, thing(`,"data_base64":"AAEC"`, ""), thing(`,"data_base64":"AAEC"`, "")},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"x":1.0,"a":"\u0041da","y":"\ud800"}`, ""),
			thing(`,"data":{"x":1.0,"a":"`+ada+`","y":"\ud800"}`, "")},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"a":"Ada","\u0061":"Ada","b":{"a":"Ada"}}`, ""),
			thing(`,"data":{"a":"`+ada+`","\u0061":"`+ada+`","b":{"a":"Ada"}}`, "")},
		{`{"data":{"/p/*/n":"hash"}}`, thing(`,"data":{"p":[{"n":"Ada"},{"n":"Ada","k":0}]}`, ""),
			thing(`,"data":{"p":[{"n":"`+ada+`"},{"n":"`+ada+`","k":0}]}`, "")},
		{`{"data":{"/p/*":"drop"}}`, thing(`,"data":{"p":["x","y"],"q":{}}`, ""), thing(`,"data":{"p":[],"q":{}}`, "")},
		{`{"data":{"/p/*":"hash"}}`, thing(`,"data":{"p":{"x":"Ada","y":"Ada"}}`, ""),
			thing(`,"data":{"p":{"x":"`+ada+`","y":"`+ada+`"}}`, "")},
		{`{"data":{"/a~1b/c~0d":"drop"}}`, thing(`,"data":{"a/b":{"c~d":1,"e":2}}`, ""),
			thing(`,"data":{"a/b":{"e":2}}`, "")},
		{`{"data":{"/a":{"do":"replace","with":{ "x": [1] }}}}`, thing(`,"data":{"a":5}`, ""),
			thing(`,"data":{"a":{"x":[1]}}`, "")},
		{`{"data":{"/a":{"do":"hash","optional":true}}}`, thing(`,"data":{"a":null}`, ""), thing(`,"data":{"a":null}`, "")},
		{`{"data":{"/a/b":{"do":"hash","optional":true}}}`, thing(`,"data":{"c":1}`, ""), thing(`,"data":{"c":1}`, "")},
		{`{"data":{"/a":{"do":"hash","optional":true}}}`, thing("", ""), thing("", "")},
		{`{"data":{"":"drop"}}`, thing(`,"data_base64":"AAEC"`, ""), thing("", "")},
		{`{"data":{"":{"do":"replace","with":{}}}}`, thing(`,"data_base64":"AAEC"`, ""),
			thing(`,"data":{}`, `,"datacontenttype":"application/json"`)},
		{`{"data":{"":"hash"}}`, thing(`,"data":"Ada"`, ""), thing(`,"data":"`+ada+`"`, "")},
		{`{"attributes":{"who":"hash","no":"drop","set":{"do":"replace","with":"x"}}}`,
			thing("", `,"who":"Ada","no":1,"set":true,"rest":false`), thing("", `,"who":"`+ada+`","set":"x","rest":false`)},
		{`{"data":{"/a":"keep"},"attributes":{"b":"keep"},"others":"refuse"}`, thing(`,"data":{"a":{"b":1}}`, `,"b":1`),
			thing(`,"data":{"a":{"b":1}}`, `,"b":1`)},
	} {
		out, err := masker(t, of(c.rules), key).Mask([]byte(canonical(t, c.event)))
		if want := canonical(t, c.want); err != nil || string(out) != want {
			t.Errorf("%s of %s:\n%s, %v, want\n%s", c.rules, c.event, out, err, want)
		}
	}
}

// What the rules do not cover is refused, by a text that has none of the event's values.
func TestWhatRulesDoNotCoverIsRefused(t *testing.T) {
	for _, c := range []struct{ rules, event, want string }{
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"b":"SECRET"}`, ""), "/a is absent"},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"A":"SECRET","a":"SECRET"}`, ""), "/a is there in another spelling"},
		{`{"data":{"/a":{"do":"hash","optional":true}}}`, thing(`,"data":{"A":"SECRET"}`, ""), "another spelling"},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"a":7777}`, ""), "/a is not a text"},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"a":["SECRET"]}`, ""), "/a is not a text"},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":{"a":null}`, ""), "/a is not a text"},
		{`{"data":{"/a/b":"hash"}}`, thing(`,"data":{"a":"SECRET"}`, ""), "/a is not of the shape"},
		{`{"data":{"/a/b":"hash"}}`, thing(`,"data":{"a":[{"b":"SECRET"}]}`, ""), "/a is not of the shape"},
		{`{"data":{"/a/*/b":"hash"}}`, thing(`,"data":{"a":["SECRET"]}`, ""), "/a/* is not of the shape"},
		{`{"data":{"/a":"hash"}}`, thing(`,"data":"SECRET"`, ""), "data is not of the shape"},
		{`{"data":{"/a":"drop"}}`, thing(`,"data_base64":"U0VDUkVU"`, ""), "data is not JSON"},
		{`{"data":{"/a":"drop"}}`, thing(`,"data":"SECRET"`, `,"datacontenttype":"text/plain"`), "data is not JSON"},
		{`{"data":{"/a":"drop"}}`, thing("", ""), "data is absent"},
		{`{"attributes":{"who":"hash"}}`, thing("", ""), "attribute who is absent"},
		{`{"attributes":{"who":"hash"}}`, thing("", `,"who":12345`), "attribute who is not a text"},
		{`{"others":"refuse"}`, thing(`,"data":{"SECRET":"SECRET"}`, ""), "a member that no rule names"},
		{`{"others":"refuse"}`, thing(`,"data":["SECRET"]`, ""), "not an object"},
		{`{"others":"refuse"}`, thing("", `,"who":"SECRET"`), "attribute who is named by no rule"},
	} {
		line := canonical(t, c.event)
		out, err := masker(t, of(c.rules), key).Mask([]byte(line))
		var refused *mask.Refused
		if !errors.As(err, &refused) || refused.Type != "thing.done" || !strings.Contains(err.Error(), c.want) ||
			out != nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s of %s: %s, %v, want %s", c.rules, c.event, out, err, c.want)
		}
	}
	other := canonical(t, strings.Replace(thing("", ""), "thing.done", "thing.undone", 1))
	if _, err := masker(t, of(`{}`), key).Mask([]byte(other)); err == nil {
		t.Error("a type without rules was masked")
	}
}

// Equal values become equal pseudonyms wherever they stand, for one key; another key
// gives others.
func TestPseudonymsAreConsistent(t *testing.T) {
	const rules = `{"format":1,"entities":{"do":"hash","prefixes":["acc-","a"]},"ids":"hash","sources":"hash","types":{
		"thing.done":{"data":{"/to":"entity","/name":"hash"},"attributes":{"owner":"entity"}}}}`
	m := masker(t, rules, key)
	line := canonical(t, `{"specversion":"1.0","id":"acc-7","source":"/t","type":"thing.done","subject":"acc-7",`+
		`"owner":"acc-7","data":{"to":"acc-7","name":"acc-7"}}`)
	one, err := m.Mask([]byte(line))
	two, again := m.Mask([]byte(line))
	if err != nil || again != nil || string(one) != string(two) || strings.Contains(string(one), "acc-7") {
		t.Fatalf("%s, %v, %s, %v", one, err, two, again)
	}
	e, err := event.Parse(string(one))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(e.Subject, "acc-")
	if id == e.Subject || e.ID != id || e.Extensions[0].Value != `"acc-`+id+`"` ||
		e.Data != `{"to":"acc-`+id+`","name":"`+id+`"}` || e.Source == "/t" {
		t.Errorf("%s", one)
	}
	other := masker(t, rules, key+"x")
	if three, err := other.Mask([]byte(line)); err != nil || strings.Contains(string(three), id) {
		t.Errorf("with another key: %s, %v", three, err)
	}
	if !m.Entities() || m.KeyCheck() == other.KeyCheck() || m.RulesSum() != other.RulesSum() ||
		strings.Contains(m.KeyCheck(), key) {
		t.Errorf("%t %s %s", m.Entities(), m.KeyCheck(), other.KeyCheck())
	}
}

// A correction still names its event, and no longer who made it and why.
func TestCorrectionsFollowTheirEvents(t *testing.T) {
	m := masker(t, `{"format":1,"entities":"hash","ids":"hash","types":{"thing.done":{}}}`, key)
	bad := canonical(t, thing("", ""))
	made, err := event.NewSkip("s", event.Skip{Source: "/t", ID: "1", Position: "0001-0210-0000", Reason: "Ada said so",
		Who: "Grace"}, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	masked, err := m.Mask([]byte(bad))
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Mask(made.AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Parse(string(masked))
	if err != nil {
		t.Fatal(err)
	}
	c, err := event.Parse(string(out))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := event.SkipOf(&c)
	if !ok || s.Named() != e.Identity() || c.Subject != e.Subject || s.Who != "" || strings.Contains(string(out), "Ada") {
		t.Errorf("%s is not about %s", out, masked)
	}
	again, err := event.NewRefold("s", event.Refold{Request: "r", Reason: "Ada said so", Who: "Grace"},
		time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if out, err = m.Mask(again.AppendJSON(nil)); err != nil {
		t.Fatal(err)
	}
	if c, err = event.Parse(string(out)); err != nil || !event.IsCorrection(&c) || c.Subject != e.Subject ||
		strings.Contains(string(out), "Ada") || strings.Contains(string(out), "Grace") {
		t.Errorf("%s, %v", out, err)
	}
	made.Data = `{}`
	if _, err := m.Mask(made.AppendJSON(nil)); err == nil {
		t.Error("a correction of another kind was masked")
	}
}

// The inverse that a reversal brings is masked by the rules of its own type.
func TestReversalsAreMaskedWithTheirInverses(t *testing.T) {
	reversal := func(inverse string) []byte {
		r := event.Reversal{Source: "/t", ID: "1", Type: "thing.done", Position: "0001-0210-0000", Reason: "Ada said so",
			Who: "Grace"}
		if inverse != "" {
			r.Inverse = &event.Inverse{Type: "thing.undone", Data: []byte(inverse)}
		}
		made, err := event.NewReversal("s", r, time.Unix(1_700_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		made.Extensions = append(made.Extensions, event.StringExtension("correlationid", "Ada"))
		return made.AppendJSON(nil)
	}
	m := masker(t, `{"format":1,"entities":"hash","ids":"hash","types":{"thing.done":{},
		"thing.undone":{"data":{"/who":"hash"}}}}`, key)
	masked, err := m.Mask([]byte(canonical(t, thing("", ""))))
	if err != nil {
		t.Fatal(err)
	}
	of, err := event.Parse(string(masked))
	if err != nil {
		t.Fatal(err)
	}
	for _, inverse := range []string{"", `{"who":"Ada","n":1}`} {
		out, err := m.Mask(reversal(inverse))
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Parse(string(out))
		if err != nil {
			t.Fatal(err)
		}
		r, is := event.ReversalOf(&e)
		if !is || r.Named() != of.Identity() || e.Subject != of.Subject || (r.Inverse == nil) != (inverse == "") ||
			strings.Contains(string(out), "Ada") || strings.Contains(string(out), "Grace") {
			t.Errorf("%s is not about %s", out, masked)
		}
	}
	if _, err := m.Mask(reversal(`{"n":1}`)); err == nil {
		t.Error("a declared field is absent, and nothing is said")
	}
	few := masker(t, `{"format":1,"entities":"keep","types":{"thing.done":{}}}`, key)
	if _, err := few.Mask(reversal(`{"who":"Ada"}`)); err == nil {
		t.Error("no rule names the type of the inverse, and nothing is said")
	}
}

func TestRulesAreStrict(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{"format":1}`, `{"format":2,"entities":"keep","types":{}}`, `{"format":1,"types":{}}`,
		`{"format":1,"entities":"drop","types":{}}`, `{"format":1,"entities":"keep","types":[]}`,
		`{"format":1,"entities":"keep","types":{},"more":1}`, `{"format":1,"entities":"keep","types":{"a":{},"a":{}}}`,
		of(`{"fields":{}}`), of(`{"data":{"a":"hash"}}`), of(`{"data":{"/a":"hide"}}`), of(`{"data":{"/a":"replace"}}`),
		of(`{"data":{"/a":{"do":"drop","with":1}}}`), of(`{"data":{"/a":{"do":"drop","prefixes":["a"]}}}`),
		of(`{"data":{"/a":"drop","/a/b":"hash"}}`), of(`{"data":{"/a/b":"hash","/a":"drop"}}`),
		of(`{"data":{"/a":"drop","/a":"hash"}}`), of(`{"others":"drop"}`), of(`{"data":{"/a":{"do":"hash","opt":true}}}`),
		of(`{"data":{"/a":7}}`), of(`{"attributes":{"a":"hide"}}`),
	} {
		if _, err := mask.Parse([]byte(text)); !errors.Is(err, mask.ErrRules) {
			t.Errorf("%s: %v", text, err)
		}
	}
	r, err := mask.Parse([]byte(of(`{}`)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mask.New(r, []byte("short")); !errors.Is(err, mask.ErrRules) {
		t.Errorf("%v", err)
	}
}

// FuzzMask masks anything that is an event. What comes out is one, and has nothing of
// what was hashed.
func FuzzMask(f *testing.F) {
	f.Add(`{"a":"Q7Z","b":[{"c":"Q7Z"},{"c":"x"}],"d":1}`)
	f.Add(`{"\u0061":"Q7Z","a":"\u0051\u0037Z"}`)
	f.Add(`{"a":{"a":"Q7Z"}}`)
	f.Add(`{"b":[],"a":"","A":1}`)
	m := masker(f, of(`{"data":{"/a":"hash","/b/*/c":{"do":"hash","optional":true}},"others":"refuse"}`), key)
	f.Fuzz(func(t *testing.T, data string) {
		e, err := event.Parse(thing(`,"data":`+data, ""))
		if err != nil {
			return
		}
		out, err := m.Mask(e.AppendJSON(nil))
		if err != nil {
			return
		}
		again, err := event.Parse(string(out))
		if err != nil || string(again.AppendJSON(nil)) != string(out) {
			t.Fatalf("%s: %v", out, err)
		}
		if strings.Contains(again.Data, "Q7Z") {
			t.Fatalf("%s became %s", data, out)
		}
	})
}
