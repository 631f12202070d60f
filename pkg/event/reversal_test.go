package event_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
)

func reversalOfOne() event.Reversal {
	return event.Reversal{Source: "/bank", ID: "17", Type: "account.deposited", Position: "0001-011-0000", Reason: "ü <b>",
		Who: "ann", Inverse: &event.Inverse{Type: "account.withdrawn", Data: []byte(`{"amount":5,"note":"\u003cb>ü"}`)}}
}

func TestReversalComesBackFromItsLine(t *testing.T) {
	want := reversalOfOne()
	made, err := event.NewReversal("x", want, time.UnixMilli(1_700_000_000_123))
	if err != nil {
		t.Fatal(err)
	}
	line := string(made.AppendJSON(nil))
	parsed, err := event.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	have, is := event.ReversalOf(&parsed)
	if !is || !event.IsCorrection(&parsed) || parsed.Type != "account.deposited.reversed" {
		t.Fatalf("%+v, %t", have, is)
	}
	again, err := event.NewReversal("x", have, time.UnixMilli(1_700_000_000_123))
	if err != nil || !reflect.DeepEqual(again, made) {
		t.Errorf("%+v, want %+v, %v", again, made, err)
	}
	if !strings.Contains(line, `"actor":"ann","causationid":"17"`) {
		t.Error(line)
	}
	applied := have.Inverse.As(&parsed)
	if applied.Type != "account.withdrawn" || applied.Identity() != parsed.Identity() || applied.Subject != "x" ||
		!strings.HasPrefix(applied.Data, `{"amount":5`) {
		t.Errorf("%+v", applied)
	}
	want.Reason, want.Inverse = "another", nil
	other, err := event.NewReversal("x", want, time.UnixMilli(0))
	if err != nil || other.ID != made.ID {
		t.Errorf("the same event is reversed under the ids %s and %s", made.ID, other.ID)
	}
	for _, change := range [][2]string{
		{`urn:reprise:corrections`, `/bank`}, {`"id":"reverse-`, `"id":"reverse-0`}, {`"source":"/bank"`, `"source":"/b"`},
		{`"id":"17"`, `"id":"18"`}, {`.reversed"`, `.undone"`}, {`"type":"account.deposited"`, `"type":"account.x"`},
		{`"who":"ann"`, `"who":"ann","more":1`}, {`"who":"ann"`, `"who":""`}, {`"reason"`, `"Reason"`},
		{`"inverse":{`, `"inverse":{"more":1,`}, {`"type":"account.withdrawn"`, `"type":"reprise.x"`},
	} {
		e, err := event.Parse(strings.Replace(line, change[0], change[1], 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, is := event.ReversalOf(&e); is || event.IsCorrection(&e) {
			t.Errorf("%s is a reversal", e.AppendJSON(nil))
		}
		var invalid *event.Invalid
		if err := e.AdmitReserved(true); e.Source == event.SourceCorrections && !errors.As(err, &invalid) {
			t.Errorf("%s is imported: %v", e.AppendJSON(nil), err)
		}
	}
	if err := parsed.AdmitReserved(false); err == nil {
		t.Error("it is accepted from anybody")
	}
	if err := parsed.AdmitReserved(true); err != nil {
		t.Errorf("a copy of a log is refused: %v", err)
	}
}

func TestWrongReversalsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*event.Reversal){
		"no source":        func(r *event.Reversal) { r.Source = "" },
		"no id":            func(r *event.Reversal) { r.ID = "" },
		"no type":          func(r *event.Reversal) { r.Type = "" },
		"another position": func(r *event.Reversal) { r.Position = "x" },
		"no reason":        func(r *event.Reversal) { r.Reason = "" },
		"a long reason":    func(r *event.Reversal) { r.Reason = strings.Repeat("r", event.MaxReasonBytes+1) },
		"too long who":     func(r *event.Reversal) { r.Who = strings.Repeat("w", event.MaxWhoBytes+1) },
		"a skip":           func(r *event.Reversal) { r.Type = event.TypeSkipped },
		"no inverse type":  func(r *event.Reversal) { r.Inverse.Type = "" },
		"a refold applied": func(r *event.Reversal) { r.Inverse.Type = event.TypeRefolded },
		"no inverse data":  func(r *event.Reversal) { r.Inverse.Data = nil },
		"no JSON":          func(r *event.Reversal) { r.Inverse.Data = []byte("{") },
		"too much data":    func(r *event.Reversal) { r.Inverse.Data = []byte(`"` + strings.Repeat("x", 256<<10) + `"`) },
		"a long type":      func(r *event.Reversal) { r.Type = strings.Repeat("t", event.MaxAttributeBytes-100) },
	} {
		r := reversalOfOne()
		spoil(&r)
		_, err := event.NewReversal("x", r, time.UnixMilli(0))
		var invalid *event.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What does not fit into an attribute is in the data all the same.
	r := reversalOfOne()
	r.ID, r.Who = strings.Repeat("i", 2000), ""
	if e, err := event.NewReversal("x", r, time.UnixMilli(0)); err != nil || len(e.Extensions) > 0 {
		t.Errorf("%+v, %v", e.Extensions, err)
	}
}
