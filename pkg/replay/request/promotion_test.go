package request

import (
	"encoding/json"
	"testing"
)

// The member promote is a word or a boolean; what could be asked for before there were
// words is written as it was then.
func TestPromotionsAreReadAndWritten(t *testing.T) {
	for input, want := range map[string]struct {
		promotion Promotion
		written   string
	}{
		`{"rebuild":true}`:                   {Never, `{"rebuild":true,"parallelism":8}`},
		`{"rebuild":true,"promote":false}`:   {Never, `{"rebuild":true,"parallelism":8}`},
		`{"rebuild":true,"promote":"never"}`: {Never, `{"rebuild":true,"parallelism":8}`},
		`{"promote":"never"}`:                {Never, `{"parallelism":8}`},
		`{"rebuild":true,"promote":true}`:    {Auto, `{"rebuild":true,"parallelism":8,"promote":true}`},
		`{"rebuild":true,"promote":"auto"}`:  {Auto, `{"rebuild":true,"parallelism":8,"promote":true}`},
		`{"rebuild":true,"promote":"ask"}`:   {Ask, `{"rebuild":true,"parallelism":8,"promote":"ask"}`},
	} {
		r, err := Parse([]byte(input))
		if err != nil || r.Promotion() != want.promotion {
			t.Errorf("%s: %s, %v", input, r.Promotion(), err)
			continue
		}
		text, err := json.Marshal(r)
		if err != nil || string(text) != want.written {
			t.Errorf("%s is written as %s, %v", input, text, err)
		}
		var again Request
		if err := json.Unmarshal(text, &again); err != nil || !again.Same(r) || again.Promotion() != want.promotion {
			t.Errorf("%s is read as %+v, %v", text, again, err)
		}
		if parsed, err := Parse(text); err != nil || !parsed.Same(r) {
			t.Errorf("%s is parsed as %+v, %v", text, parsed, err)
		}
	}
	for _, input := range []string{
		`{"rebuild":true,"promote":"true"}`, `{"rebuild":true,"promote":"Ask"}`, `{"rebuild":true,"promote":""}`,
		`{"rebuild":true,"promote":1}`, `{"rebuild":true,"promote":null}`, `{"rebuild":true,"promote":["ask"]}`,
		`{"promote":"ask"}`, `{"promote":"auto"}`,
	} {
		if r, err := Parse([]byte(input)); err == nil {
			t.Errorf("%s is accepted as %+v", input, r)
		}
	}
}

// Replays of before there was a choice are the same as those of now.
func TestRequestsOfEarlierReleasesAreTheSame(t *testing.T) {
	var stored Request
	if err := json.Unmarshal([]byte(`{"rebuild":true,"promote":true,"parallelism":8}`), &stored); err != nil {
		t.Fatal(err)
	}
	if now := (Request{Rebuild: true, Promote: true, Parallelism: 8}); !stored.Same(now) {
		t.Errorf("%+v and %+v", stored, now)
	}
	if _, err := (Request{Rebuild: true, Ask: true}).Normalized(); err == nil {
		t.Error("to ask without promoting is accepted")
	}
}
