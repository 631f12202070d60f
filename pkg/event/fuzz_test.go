package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"reprise/pkg/event"
)

func FuzzParse(f *testing.F) {
	f.Add(deposit)
	f.Add(made("a", "-0", "data_base64", `"\/w=="`))
	f.Add(` {"\u0069d":"\ud83d\ude80","source":"a:b?c#d","type":"t","subject":"#","specversion":"1.0","data": [ "\u2028" ],"time":"2026-03-01T09:30:00.5+05:45","datacontenttype":"a/b;c=\"d\""}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := event.Parse(text)
		if err != nil {
			if _, ok := errors.AsType[*event.Invalid](err); !ok || !isZero(e) {
				t.Errorf("Parse gives %+v, %v", e, err)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Error("Parse accepts what is not JSON")
		}
		if err := e.Validate(); err != nil {
			t.Errorf("Validate refuses what Parse accepted: %v", err)
		}
		if _, timed := e.Timestamp(); timed != (e.Time != "") {
			t.Errorf("time %q has no timestamp", e.Time)
		}
		checkFixedPoint(t, e)
		if id, at, err := event.ParseSortKey(event.SortKey(e.Subject, "0001-0242-0003")); id != e.Subject || err != nil {
			t.Errorf("the sort key of %q reads as %q, %q, %v", e.Subject, id, at, err)
		}
	})
}

// In a batch each event is what it is alone.
func FuzzParseBatch(f *testing.F) {
	f.Add("[" + made() + "," + made("id", "7", "data", "[1]") + "]")
	f.Add(" [ ] ")
	f.Add("[null,{},[1,{}]," + made("data", `{"a":[]}`) + "]")
	f.Fuzz(func(t *testing.T, text string) {
		var events []event.Event
		var errs []error
		err := event.ParseBatch(text, func(index int, e event.Event, err error) error {
			if index != len(errs) {
				t.Errorf("index %d, want %d", index, len(errs))
			}
			events, errs = append(events, e), append(errs, err)
			return nil
		})
		var elements []json.RawMessage
		if jsonErr := json.Unmarshal([]byte(text), &elements); jsonErr != nil || err != nil {
			if jsonErr != nil && err == nil {
				t.Errorf("ParseBatch accepts what is no JSON array: %v", jsonErr)
			}
			return // what ParseBatch alone refuses (invalid UTF-8, depth) Parse's tests hold
		}
		if len(elements) != len(events) {
			t.Fatalf("%d events seen of %d", len(events), len(elements))
		}
		for i, element := range elements {
			alone, aloneErr := event.Parse(string(element))
			if (aloneErr == nil) != (errs[i] == nil) || !bytes.Equal(alone.AppendJSON(nil), events[i].AppendJSON(nil)) {
				t.Errorf("event %d is %+v, %v; alone %+v, %v", i, events[i], errs[i], alone, aloneErr)
			}
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	f.Add("0001-0242-0003")
	f.Add("abcd-3849590338271490256608559692538361571095921575989136588898-ffff")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := event.ParsePosition(text)
		if err != nil {
			if !errors.Is(err, event.ErrPosition) || p != "" {
				t.Errorf("ParsePosition gives %q, %v", p, err)
			}
			return
		}
		if same, err := event.NewPosition(p.Epoch(), p.Sequence(), indexOf(p)); err != nil || string(same) != text {
			t.Errorf("NewPosition writes it as %q, %v", same, err)
		}
	})
}

func FuzzParseSortKey(f *testing.F) {
	f.Add("a%23b#0001-0242-0003")
	f.Add("é#0001-0242-0003")
	f.Add("%")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := event.UnescapeEntity(text); err == nil && event.EscapeEntity(id) != text {
			t.Errorf("UnescapeEntity(%q) = %q, escaped as %q", text, id, event.EscapeEntity(id))
		}
		if id, err := event.UnescapeEntity(event.EscapeEntity(text)); err != nil || id != text {
			t.Errorf("EscapeEntity(%q) is unescaped as %q, %v", text, id, err)
		}
		entity, at, err := event.ParseSortKey(text)
		if err == nil && (entity == "" || event.SortKey(entity, at) != text) {
			t.Errorf("ParseSortKey(%q) = %q, %q", text, entity, at)
		}
		if err != nil && !errors.Is(err, event.ErrKey) {
			t.Errorf("ParseSortKey(%q): %v", text, err)
		}
	})
}

func FuzzSplitPlaced(f *testing.F) {
	f.Add([]byte(`{"a":1,"repriseposition":"0001-0242-0003","repriselogged":"17"}`))
	f.Add([]byte(`{"data":{"a":1,"repriseposition":"x","repriselogged":"1"},"repriseposition":"0001-0242-0003","repriselogged":"-17"}`))
	f.Fuzz(func(t *testing.T, placed []byte) {
		line, at, logged, err := event.SplitPlaced(placed)
		if err != nil {
			if _, ok := errors.AsType[*event.Invalid](err); !ok || line != nil {
				t.Errorf("SplitPlaced gives %q, %v", line, err)
			}
			return
		}
		if again := event.AppendPlaced(nil, line, at, logged); !bytes.Equal(again, placed) {
			t.Errorf("AppendPlaced writes %q", again)
		}
	})
}
