package samples_test

import (
	"slices"
	"testing"

	"reprise/pkg/domain/samples"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// step is an event and the state after it; "" means that it is rejected.
type step struct{ kind, data, want string }

func run(t *testing.T, p projection.Projection, steps []step) {
	t.Helper()
	fold, err := p.Begin(nil)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for i, s := range steps {
		if !slices.Contains(p.Types(), s.kind) {
			t.Fatalf("step %d: %s is not handled", i, s.kind)
		}
		state, err := fold.Apply(&event.Event{Type: s.kind, Data: s.data})
		switch {
		case s.want == "" && err == nil:
			t.Errorf("step %d: %s %s was accepted: %s", i, s.kind, s.data, state)
		case s.want != "" && (err != nil || string(state) != s.want):
			t.Errorf("step %d: state %s, error %v, want %s", i, state, err, s.want)
		}
		if err == nil {
			last = string(state)
		}
		// A fold that continues from the stored state gives the same result.
		if fold, err = p.Begin([]byte(last)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRepoFiles(t *testing.T) {
	run(t, samples.RepoFiles(), []step{
		{"file.changed", `{"added":15,"deleted":0,"lines":15}`, `{"added":15,"deleted":0,"lines":15,"changes":1}`},
		{"file.changed", `{"added":2,"deleted":5,"lines":-3}`, `{"added":17,"deleted":5,"lines":12,"changes":2}`},
		{"file.changed", `{"added":2,"deleted":5}`, ""},
		{"file.changed", `{"added":-2,"deleted":5,"lines":-7}`, ""},
		{"file.changed", `"text"`, ""},
		{"file.changed", ``, ""},
		{
			"file.changed",
			`{"added":0,"deleted":12,"lines":-12,"commit":"x"}`,
			`{"added":17,"deleted":17,"lines":0,"changes":3}`,
		},
	})
}

func TestAccounts(t *testing.T) {
	run(t, samples.Accounts(), []step{
		{"account.deposited", `{"amount":5}`, ""},
		{"account.opened", `{"owner":"Ada"}`, `{"owner":"Ada","open":true,"balance":0}`},
		{"account.opened", `{"owner":"Bob"}`, ""},
		{"account.deposited", `{"amount":500}`, `{"owner":"Ada","open":true,"balance":500}`},
		{"account.withdrawn", `{"amount":501}`, ""},
		{"account.withdrawn", `{"amount":120}`, `{"owner":"Ada","open":true,"balance":380}`},
		{"account.deposited", `{"amount":0}`, ""},
		{"account.deposited", `{"amount":9223372036854775807}`, ""},
		{"account.balance.set", `{}`, ""},
		{"account.balance.set", `{"balance":7}`, `{"owner":"Ada","open":true,"balance":7}`},
		{"account.withdrawn", `{"amount":"all"}`, ""},
	})
}

// A number that does not fit parks the entity; it must not come round to the other end.
func TestNumbersThatDoNotFitAreRejected(t *testing.T) {
	const largest, smallest = "9223372036854775807", "-9223372036854775808"
	run(t, samples.RepoFiles(), []step{
		{"file.changed", `{"added":` + largest + `,"deleted":0,"lines":0}`,
			`{"added":` + largest + `,"deleted":0,"lines":0,"changes":1}`},
		{"file.changed", `{"added":1,"deleted":0,"lines":0}`, ""},
		{"file.changed", `{"added":0,"deleted":` + largest + `,"lines":` + smallest + `}`,
			`{"added":` + largest + `,"deleted":` + largest + `,"lines":` + smallest + `,"changes":2}`},
		{"file.changed", `{"added":0,"deleted":1,"lines":0}`, ""},
		{"file.changed", `{"added":0,"deleted":0,"lines":-1}`, ""},
		{"file.changed", `{"added":0,"deleted":0,"lines":` + largest + `}`,
			`{"added":` + largest + `,"deleted":` + largest + `,"lines":-1,"changes":3}`},
		{"file.changed", `{"added":` + largest + `0,"deleted":0,"lines":0}`, ""},
	})
	run(t, samples.Accounts(), []step{
		{"account.opened", `{"owner":"Ada"}`, `{"owner":"Ada","open":true,"balance":0}`},
		{"account.balance.set", `{"balance":` + smallest + `}`, `{"owner":"Ada","open":true,"balance":` + smallest + `}`},
		{"account.withdrawn", `{"amount":1}`, ""},
		{"account.deposited", `{"amount":` + largest + `}`, `{"owner":"Ada","open":true,"balance":-1}`},
		{"account.balance.set", `{"balance":` + largest + `}`, `{"owner":"Ada","open":true,"balance":` + largest + `}`},
		{"account.deposited", `{"amount":1}`, ""},
	})
}

// What undoes an event is applied like any event, and leads back.
func TestAccountsSayWhatUndoesAnEvent(t *testing.T) {
	accounts, declares := samples.Accounts().(projection.Reverser)
	if !declares {
		t.Fatal("accounts declare nothing")
	}
	for _, c := range []struct{ kind, data, wantKind, wantData string }{
		{"account.deposited", `{"amount":5}`, "account.withdrawn", `{"amount":5}`},
		{"account.withdrawn", `{"amount":7,"note":"x"}`, "account.deposited", `{"amount":7}`},
		{"account.opened", `{"owner":"Ada"}`, "", ""},
		{"account.balance.set", `{"balance":7}`, "", ""},
		{"account.balance.set", `{"balance":7,"undo":{"type":"account.balance.set","data":{"balance":3}}}`,
			"account.balance.set", `{"balance":3}`},
	} {
		inverse, err := accounts.Reverse(nil, &event.Event{Type: c.kind, Data: c.data})
		switch {
		case err != nil:
			t.Errorf("%s %s: %v", c.kind, c.data, err)
		case inverse == nil && c.wantKind != "", inverse != nil && (inverse.Type != c.wantKind ||
			string(inverse.Data) != c.wantData):
			t.Errorf("%s %s is undone by %+v", c.kind, c.data, inverse)
		}
	}
	for _, data := range []string{`"text"`, ``} {
		if inverse, err := accounts.Reverse(nil, &event.Event{Type: "account.deposited", Data: data}); err == nil {
			t.Errorf("%s is undone by %+v", data, inverse)
		}
	}
}
