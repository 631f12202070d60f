package daily

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestTimesOfDay(t *testing.T) {
	for text, want := range map[string]Time{"03:00": {3, 0}, "23:59": {23, 59}, "00:00": {}} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "3:00", "24:00", "03:60", "03:00:00", "nightly", "-1:00"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Every night is started once, at its time, also over a change of the clock; of the
// nights that passed while the machine was suspended only one is made up for.
func TestEveryNightOnce(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine: ", err)
	}
	now := time.Date(2026, 3, 27, 12, 0, 0, 0, berlin) // the clock changes on the 29th at 02:00
	var started []string
	ended := errors.New("enough")
	n := &Starter{At: Time{2, 30}, Now: func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error {
			if d > longestSleep || d <= 0 {
				t.Errorf("sleeps %s", d)
			}
			now = now.Add(d)
			if now.Day() == 31 && now.Hour() == 12 { // suspended
				now = now.Add(72 * time.Hour)
			}
			if len(started) == 6 {
				return ended
			}
			return nil
		},
		Start: func(_ context.Context, night time.Time) {
			if late := now.Sub(night); late < 0 || (late >= longestSleep && night.Day() != 1) {
				t.Errorf("the night of %s begins at %s", night, now)
			}
			started = append(started, night.Format("02 15:04"))
		}}
	n.Run(t.Context())
	want := []string{"28 02:30", "29 03:30", "30 02:30", "31 02:30", "01 02:30", "04 02:30"}
	if !slices.Equal(started, want) {
		t.Errorf("started %v, want %v", started, want)
	}
}
