package event_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
)

func TestRefoldComesBackFromItsLine(t *testing.T) {
	want := event.Refold{Request: "r-1", Reason: "ü <b>", Who: "ann"}
	made, err := event.NewRefold("x", want, time.UnixMilli(1_700_000_000_123))
	if err != nil {
		t.Fatal(err)
	}
	line := string(made.AppendJSON(nil))
	parsed, err := event.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	if have, is := event.RefoldOf(&parsed); !is || have != want || !event.IsCorrection(&parsed) {
		t.Errorf("%+v, %t", have, is)
	}
	if _, is := event.SkipOf(&parsed); is {
		t.Error("it steps over an event")
	}
	want.Reason = "another"
	again, err := event.NewRefold("x", want, time.UnixMilli(0))
	other, failed := event.NewRefold("y", want, time.UnixMilli(0))
	if err != nil || failed != nil || again.ID != made.ID || other.ID == made.ID {
		t.Errorf("the same request has the ids %s and %s, another entity %s", made.ID, again.ID, other.ID)
	}
	for _, change := range [][2]string{
		{`"type":"reprise.entity.refolded"`, `"type":"reprise.event.skipped"`}, {`urn:reprise:corrections`, `urn:other`},
		{`"id":"refold-`, `"id":"refold-0`}, {`"subject":"x"`, `"subject":"y"`}, {`"request":"r-1"`, `"request":"r-2"`},
		{`"who":"ann"`, `"who":"ann","more":1`}, {`"who":"ann"`, `"who":""`}, {`"reason"`, `"Reason"`},
	} {
		e, err := event.Parse(strings.Replace(line, change[0], change[1], 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, is := event.RefoldOf(&e); is || event.IsCorrection(&e) {
			t.Errorf("%s is a correction", e.AppendJSON(nil))
		}
		var invalid *event.Invalid
		if err := e.AdmitReserved(true); !errors.As(err, &invalid) {
			t.Errorf("%s is imported: %v", e.AppendJSON(nil), err)
		}
	}
	var invalid *event.Invalid
	if err := parsed.AdmitReserved(false); !errors.As(err, &invalid) {
		t.Errorf("it is accepted from anybody: %v", err)
	}
	if err := parsed.AdmitReserved(true); err != nil {
		t.Errorf("a copy of a log is refused: %v", err)
	}
}

func TestWrongRefoldsAreRefused(t *testing.T) {
	for name, wrong := range map[string]event.Refold{
		"no request":     {Reason: "r"},
		"a long request": {Request: strings.Repeat("r", event.MaxRequestBytes+1), Reason: "r"},
		"no reason":      {Request: "r"},
		"a long reason":  {Request: "r", Reason: strings.Repeat("r", event.MaxReasonBytes+1)},
		"too long who":   {Request: "r", Reason: "r", Who: strings.Repeat("w", event.MaxWhoBytes+1)},
	} {
		_, err := event.NewRefold("x", wrong, time.UnixMilli(0))
		var invalid *event.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCorrections makes sure that only what NewSkip, NewRefold and NewReversal make is a
// correction.
func FuzzCorrections(f *testing.F) {
	skip, err := event.NewSkip("x", event.Skip{Source: "s", ID: "1", Position: "0001-011-0000", Reason: "r"},
		time.UnixMilli(0))
	if err != nil {
		f.Fatal(err)
	}
	refold, err := event.NewRefold("x", event.Refold{Request: "r", Reason: "r"}, time.UnixMilli(0))
	if err != nil {
		f.Fatal(err)
	}
	reversal, err := event.NewReversal("x", event.Reversal{Source: "s", ID: "1", Type: "t", Position: "0001-011-0000",
		Reason: "r", Inverse: &event.Inverse{Type: "u", Data: []byte(`{"a":"<"}`)}}, time.UnixMilli(0))
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range []event.Event{skip, refold, reversal} {
		f.Add(e.Type, e.ID, e.Subject, e.Data)
	}
	f.Fuzz(func(t *testing.T, kind, id, subject, data string) {
		if event.CheckSubject(subject) != nil {
			return // no event has it
		}
		e := event.Event{Type: kind, ID: id, Subject: subject, Source: event.SourceCorrections, Data: data}
		var made event.Event
		var err error
		if s, is := event.SkipOf(&e); is {
			made, err = event.NewSkip(subject, s, time.UnixMilli(0))
		} else if r, is := event.ReversalOf(&e); is {
			made, err = event.NewReversal(subject, r, time.UnixMilli(0))
		} else if r, is := event.RefoldOf(&e); is {
			made, err = event.NewRefold(subject, r, time.UnixMilli(0))
		} else {
			return
		}
		if !event.IsCorrection(&e) || made.ID != id || made.Data != data || made.Type != kind {
			t.Errorf("%+v is taken for %+v, %v", e, made, err)
		}
	})
}
