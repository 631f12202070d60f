package event_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"unicode/utf8"

	"reprise/pkg/event"
)

func FuzzParse(f *testing.F) {
	f.Add(deposit)
	f.Add(made("a", "-0", "data_base64", `"\/w=="`))
	f.Add(` {"\u0069d":"\ud83d\ude80","source":"a:b?c#d","type":"t","subject":"#","specversion":"1.0",` +
		`"data": [ "\u2028" ],"time":"2026-03-01T09:30:00.5+05:45","datacontenttype":"a/b;c=\"d\""}`)
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

// An event in a batch means the same as alone.
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
	f.Add([]byte(`{"data":{"a":1,"repriseposition":"x","repriselogged":"1"},` +
		`"repriseposition":"0001-0242-0003","repriselogged":"-17"}`))
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

// An event means the same in every content mode: structured, in a batch and in binary
// mode it has the same canonical line, or is refused for the same attribute.
func FuzzModes(f *testing.F) {
	f.Add("1", "/s", "t", "e", "2026-03-01T00:00:00Z", "application/json", "urn:a", "é", []byte(`{"a": "\u00e9"}`))
	f.Add("\xf1", "/s", "t", "e", "", "text/plain", "", "\xed\xa0\x80", []byte("caf\xc3\xa9\n<\u2028>"))
	f.Add("\x00", "", "t\n", "#", "now", "a/b; charset=utf-16", "/a", "\ufdd0", []byte{0, 0xff})
	f.Add("%C3", `"q"`, "\\", "e", "2026-03-01T00:00:00Z", "Text/X; charset=\"us-ascii\"", "", "\ufffd", []byte("{}}"))
	f.Fuzz(func(t *testing.T, id, source, kind, subject, at, contentType, schema, extension string, body []byte) {
		all := []event.Attribute{{Name: "specversion", Value: "1.0"}, {Name: "id", Value: id},
			{Name: "source", Value: source},
			{Name: "type", Value: kind}, {Name: "subject", Value: subject}, {Name: "extension", Value: extension}}
		for _, a := range []event.Attribute{{Name: "time", Value: at}, {Name: "datacontenttype", Value: contentType},
			{Name: "dataschema", Value: schema}} {
			if a.Value != "" {
				all = append(all, a)
			}
		}
		binary, binaryErr := event.ParseBinary(all, body)
		if binaryErr == nil {
			binaryErr = binary.Admit()
		}
		structuredText := asJSON(all, body)
		structured, err := admitted(event.Parse(structuredText))
		sameEvent(t, structuredText, binary, binaryErr, structured, err)
		var batched event.Event
		var batchErr error
		if err := event.ParseBatch("["+structuredText+"]", func(_ int, e event.Event, err error) error {
			batched, batchErr = admitted(e, err)
			return nil
		}); err != nil {
			t.Errorf("%s: as a batch %v", structuredText, err)
		}
		sameEvent(t, structuredText, structured, err, batched, batchErr)
		if binaryErr == nil {
			checkFixedPoint(t, binary)
			throughHeaders(t, all, body, binary)
		}
	})
}

func admitted(e event.Event, err error) (event.Event, error) {
	if err == nil {
		err = e.Admit()
	}
	return e, err
}

// asJSON writes attributes, and a body as base64, like a sender that does not know
// what the body contains. It does not change attributes that are not valid text.
func asJSON(all []event.Attribute, body []byte) string {
	text := []byte{'{'}
	for _, a := range all {
		text = append(text, '"')
		text = append(append(text, a.Name...), `":`...)
		text = append(append(text, event.StringExtension("", a.Value).Value...), ',')
	}
	if len(body) > 0 {
		return string(text) + `"data_base64":"` + base64.StdEncoding.EncodeToString(body) + `"}`
	}
	return string(text[:len(text)-1]) + "}"
}

// throughHeaders sends the attributes of a valid event percent-encoded.
func throughHeaders(t *testing.T, all []event.Attribute, body []byte, want event.Event) {
	t.Helper()
	received := make([]event.Attribute, 0, len(all))
	for _, a := range all {
		value, ok := event.HeaderText(url.PathEscape(a.Value))
		if !ok {
			t.Errorf("the header of %q is refused", a.Value)
		}
		received = append(received, event.Attribute{Name: a.Name, Value: value})
	}
	got, err := event.ParseBinary(received, body)
	sameEvent(t, "headers", got, err, want, nil)
}

func sameEvent(t *testing.T, text string, a event.Event, aErr error, b event.Event, bErr error) {
	t.Helper()
	badA, _ := errors.AsType[*event.Invalid](aErr)
	badB, _ := errors.AsType[*event.Invalid](bErr)
	switch {
	case (aErr == nil) != (bErr == nil):
		t.Errorf("%q: %v in one mode, %v in another", text, aErr, bErr)
	case aErr == nil && !bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil)):
		t.Errorf("%q:\n%s\n%s", text, a.AppendJSON(nil), b.AppendJSON(nil))
	case aErr != nil && (badA == nil || badB == nil):
		t.Errorf("%q: the errors are %v and %v", text, aErr, bErr)
	case aErr == nil && (badA != nil || badB != nil):
		t.Errorf("%q: both an event and an error", text)
	}
}

// A header's value is valid text, and encoding and decoding it gives the same text.
func FuzzHeaderText(f *testing.F) {
	f.Add(`"till 4\"%41"`)
	f.Add("%E2%82%AC\xff")
	f.Fuzz(func(t *testing.T, value string) {
		text, ok := event.HeaderText(value)
		if !ok {
			return
		}
		if !utf8.ValidString(text) {
			t.Errorf("%q becomes %q", value, text)
		}
		if again, ok := event.HeaderText(url.PathEscape(text)); !ok || again != text {
			t.Errorf("%q is %q, %v, once encoded", text, again, ok)
		}
	})
}
