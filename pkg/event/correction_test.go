package event_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
)

func TestCorrectionComesBackFromItsLine(t *testing.T) {
	want := event.Skip{Source: "/s<>&", ID: "\u2028 1", Position: "0001-011-0000", Reason: "ü <b>", Who: "ann"}
	made, err := event.NewSkip("x", want, time.UnixMilli(1_700_000_000_123))
	if err != nil {
		t.Fatal(err)
	}
	line := string(made.AppendJSON(nil))
	parsed, err := event.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	named := event.Event{Source: want.Source, ID: want.ID}
	if have, is := event.SkipOf(&parsed); !is || have != want || have.Named() != named.Identity() {
		t.Errorf("%+v, %t", have, is)
	}
	want.Reason, want.Position = "another", "0001-012-0000"
	if again, err := event.NewSkip("x", want, time.UnixMilli(0)); err != nil || again.ID != made.ID {
		t.Errorf("a second correction of the event has the id %s, %v", again.ID, err)
	}
	for _, change := range [][2]string{
		{`"type":"reprise.event.skipped"`, `"type":"reprise.event.other"`}, {`urn:reprise:corrections`, `urn:other`},
		{`"id":"skip-`, `"id":"skip-0`}, {`"reason"`, `"Reason"`}, {`"who":"ann"`, `"who":"ann","more":1`},
		{`"who":"ann"`, `"who":""`}, {`0001-011-0000`, `somewhere`}, {`"who":"ann"`, `"who":"ann","who":"ann"`},
	} {
		e, err := event.Parse(strings.Replace(line, change[0], change[1], 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, is := event.SkipOf(&e); is {
			t.Errorf("%s is a correction", e.AppendJSON(nil))
		}
	}
}

func TestWrongCorrectionsAreRefused(t *testing.T) {
	good := event.Skip{Source: "s", ID: "1", Position: "0001-011-0000", Reason: "r"}
	for name, change := range map[string]func(*event.Skip){
		"no source":       func(s *event.Skip) { s.Source = "" },
		"no id":           func(s *event.Skip) { s.ID = "" },
		"no position":     func(s *event.Skip) { s.Position = "" },
		"no reason":       func(s *event.Skip) { s.Reason = "" },
		"too long reason": func(s *event.Skip) { s.Reason = strings.Repeat("r", event.MaxReasonBytes+1) },
		"too long who":    func(s *event.Skip) { s.Who = strings.Repeat("w", event.MaxWhoBytes+1) },
	} {
		wrong := good
		change(&wrong)
		var invalid *event.Invalid
		if _, err := event.NewSkip("x", wrong, time.UnixMilli(0)); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
