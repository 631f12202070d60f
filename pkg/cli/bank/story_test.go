package bank

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"reprise/pkg/cli/command"
)

// The story ends well, and a difference in any of its numbers is noticed.
func TestTheStoryEndsWithRightBooks(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	var stdout, stderr bytes.Buffer
	app := command.NewApp(os.Getenv, strings.NewReader(""), &stdout, &stderr, nil)
	if err := Run(t.Context(), app, true); err != nil {
		t.Fatalf("%v\n%s%s", err, &stderr, &stdout)
	}
	var told Result
	if err := json.Unmarshal(stdout.Bytes(), &told); err != nil {
		t.Fatal(err)
	}
	fine := story{owed: owed(), result: told}
	if err := fine.verdict(); err != nil {
		t.Errorf("the printed result: %v", err)
	}
	for name, spoil := range map[string]func(*Result){
		"a fee is missing":           func(r *Result) { r.Charges-- },
		"a mail came twice":          func(r *Result) { r.Mails++ },
		"nothing was repeated":       func(r *Result) { r.Repeated = 0 },
		"performed twice":            func(r *Result) { r.Twice = 1 },
		"the replay called":          func(r *Result) { r.ByReplay = 1 },
		"the bug did nothing":        func(r *Result) { r.WrongBefore = 0 },
		"a difference was not found": func(r *Result) { r.Changed-- },
		"another difference":         func(r *Result) { r.Otherwise = 1 },
		"a refund is missing":        func(r *Result) { r.Undone-- },
		"a charge is missing":        func(r *Result) { r.Sent-- },
		"a correction failed":        func(r *Result) { r.Failed = 1 },
		"an account has wrong fees":  func(r *Result) { r.Right-- },
	} {
		spoilt := story{owed: owed(), result: told}
		spoil(&spoilt.result)
		if spoilt.verdict() == nil {
			t.Errorf("%s, and nobody notices", name)
		}
	}
}

// What is owed is worked out once by hand.
func TestWhatIsOwed(t *testing.T) {
	o := owed()
	if o.charges != accounts*weeks*2 || o.wrong != accounts*2 || o.mails != accounts || len(o.charged) != accounts {
		t.Errorf("%d charges, %d wrong, %d mails, %d accounts", o.charges, o.wrong, o.mails, len(o.charged))
	}
	// account-0 withdraws 50.00 to 50.70 in dollars on eight Tuesdays, the first of which is
	// the 34th day of the year; the letters of EUR and USD add 0.0472 to the rate.
	var cents int64
	for week := range int64(weeks) {
		cents += (5_000 + 10*week) * 20 * (1_000_000 + 1_000*(34+7*week) + 100*472) / 1_000_000_000
	}
	if got := o.charged["account-0"]["USD"]; got != cents {
		t.Errorf("account-0 owes %d, want %d", got, cents)
	}
	var lines bytes.Buffer
	events, err := write(&lines)
	if err != nil || events != accounts*(2+3*weeks) || bytes.Count(lines.Bytes(), []byte("\n")) != events {
		t.Errorf("%d events, %v", events, err)
	}
}
