package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/api/past"
	"reprise/pkg/event"
)

// This file has random histories of an account, and what they fold to by the rules as
// they are written down: independently of the code that folds.

// wish is an event of a history.
type wish struct {
	id, kind, data, line string
	at                   time.Time
	// names is the id of the event that a correction names.
	names string
}

func (w *wish) corrects() bool { return w.kind == event.TypeSkipped }

// identity is what makes two events the same.
func (w *wish) identity() string { return w.kind[:strings.IndexByte(w.kind, '.')] + "/" + w.id }

// historyOf draws a history of an entity, whose first event is after a time.
func historyOf(t *rapid.T, entity string, begin time.Time) []wish {
	at := begin
	var all []wish
	for i := range rapid.IntRange(1, 14).Draw(t, "events") {
		at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60_000, 5_400_000}).Draw(t, "pause")) * time.Millisecond)
		e := wish{id: fmt.Sprint(i), at: at}
		switch kind := rapid.SampledFrom(
			[]string{"open", "deposit", "deposit", "withdraw", "again", "unknown", "skip"}).Draw(t, "kind"); {
		case kind == "skip" && i > 0:
			e = correction(t, entity, rapid.SampledFrom(all).Draw(t, "named").id, at)
		case kind == "again" && i > 0:
			e = rapid.SampledFrom(all).Draw(t, "first")
			if !e.corrects() && rapid.Bool().Draw(t, "changed") {
				e.at = at
				e.write(entity)
			}
			e.at = at
		case kind == "open" || i == 0 && kind != "deposit":
			e.kind, e.data = "account.opened", `{"owner":"Ada"}`
			e.write(entity)
		case kind == "unknown":
			e.kind, e.data = "account.renamed", `{}`
			e.write(entity)
		default:
			e.kind = map[bool]string{true: "account.withdrawn", false: "account.deposited"}[kind == "withdraw"]
			e.data = fmt.Sprintf(`{"amount":%d}`, rapid.IntRange(0, 9).Draw(t, "amount"))
			e.write(entity)
		}
		all = append(all, e)
	}
	return all
}

func (w *wish) write(entity string) {
	w.line = fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":%q,"subject":%q,"time":%q,"data":%s}`,
		w.id, w.kind, entity, w.at.Format(time.RFC3339Nano), w.data)
}

func correction(t *rapid.T, entity, id string, at time.Time) wish {
	e, err := event.NewSkip(entity, event.Skip{Source: "/test", ID: id, Position: "0001-011-0000", Reason: "r"}, at)
	if err != nil {
		t.Fatal(err)
	}
	return wish{id: e.ID, kind: e.Type, at: at, line: string(e.AppendJSON(nil)), names: id}
}

// held is what a prefix of a history folds to.
type held struct {
	state  string // "" before the first event is applied
	parked int    // the index of the event at which it is parked, -1 for none
	count  int64
}

type accountState struct {
	Owner   string `json:"owner"`
	Open    bool   `json:"open"`
	Balance int64  `json:"balance"`
}

// foldOf folds a prefix by the rules: a duplicate is never applied; an event that is
// rejected is stepped over if the prefix has a correction of it, later; else everything
// waits.
func foldOf(prefix []wish) held {
	h := held{parked: -1}
	var account accountState
	for i := range prefix {
		e := &prefix[i]
		if isRepeated(prefix[:i], e) || e.corrects() || e.kind == "account.renamed" {
			continue
		}
		var data struct{ Amount int64 }
		_ = json.Unmarshal([]byte(e.data), &data)
		fine := data.Amount > 0 && account.Open
		switch e.kind {
		case "account.opened":
			if fine = !account.Open; fine {
				account.Owner, account.Open = "Ada", true
			}
		case "account.withdrawn":
			if fine = fine && data.Amount <= account.Balance; fine {
				account.Balance -= data.Amount
			}
		default:
			if fine {
				account.Balance += data.Amount
			}
		}
		if !fine && !isSteppedOver(prefix, i) {
			h.parked = i
			return h
		}
		if fine {
			raw, _ := json.Marshal(account)
			h.state = string(raw)
			h.count++
		}
	}
	return h
}

func isRepeated(before []wish, e *wish) bool {
	for i := range before {
		if before[i].identity() == e.identity() {
			return true
		}
	}
	return false
}

func isSteppedOver(prefix []wish, at int) bool {
	for i := at + 1; i < len(prefix); i++ {
		if prefix[i].corrects() && prefix[i].names == prefix[at].id && !isRepeated(prefix[:i], &prefix[i]) {
			return true
		}
	}
	return false
}

// outcomeOf is what became of the last event of a prefix when it came.
func outcomeOf(prefix []wish) past.Outcome {
	before, e := prefix[:len(prefix)-1], &prefix[len(prefix)-1]
	for i := range before {
		if before[i].identity() == e.identity() {
			if before[i].line != e.line {
				return past.Conflict
			}
			return past.Repeated
		}
	}
	switch parked, now := foldOf(before).parked, foldOf(prefix).parked; {
	case e.corrects():
		return past.Correction
	case parked >= 0:
		return past.Waiting
	case e.kind == "account.renamed":
		return past.Ignored
	case now >= 0:
		return past.Parked
	}
	return past.Applied
}

// applied makes the state that changes lead to.
func applied(t testing.TB, state string, changes []changed) string {
	t.Helper()
	var fields map[string]any
	if state != "" {
		must(t, json.Unmarshal([]byte(state), &fields))
	}
	for _, c := range changes {
		var value any
		if c.New != "" {
			must(t, json.Unmarshal([]byte(c.New), &value))
		}
		switch name := strings.TrimPrefix(c.Path, "/"); {
		case c.Path == "" && c.New == "":
			fields = nil
		case c.Path == "":
			fields = value.(map[string]any)
		case c.New == "":
			delete(fields, name)
		default:
			fields[name] = value
		}
	}
	return normal(t, fields)
}

// normal is the JSON of fields in order of their names, null for none.
func normal(t testing.TB, fields map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(fields)
	must(t, err)
	return string(raw)
}

func normalText(t testing.TB, state string) string {
	t.Helper()
	var fields map[string]any
	if state != "" {
		must(t, json.Unmarshal([]byte(state), &fields))
	}
	return normal(t, fields)
}
