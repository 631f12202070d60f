package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// clock is set by the test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestMeterDrawsABarOnATerminal(t *testing.T) {
	var out bytes.Buffer
	clock := &clock{time.Unix(0, 0)}
	m := New(&out, clock.now)
	m.terminal = func() (int, bool) { return 60, true }
	m.Show(State{Label: "sending", Fraction: 0.5, Detail: "5 of 10 events", Left: 61 * time.Second})
	m.Show(State{Label: "sending", Fraction: 0.6, Detail: "too soon"})
	clock.at = clock.at.Add(time.Second)
	m.Show(State{Label: "sending", Fraction: 2, Detail: strings.Repeat("long ", 30)})
	m.Note("a note")
	m.Done()
	want := "\r\x1b[Ksending: [============            ]  50%, 5 of 10 events, E" +
		"\r\x1b[Ksending: [========================] 100%, long long long lo" +
		"\r\x1b[Ka note\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestMeterPrintsLinesElsewhere(t *testing.T) {
	var out bytes.Buffer
	clock := &clock{time.Unix(0, 0)}
	m := New(&out, clock.now)
	for i := range 12 {
		m.Show(State{Label: "reading", Fraction: float64(i) / 12, Left: time.Hour})
		clock.at = clock.at.Add(time.Second)
	}
	m.Show(State{Label: "draining", Fraction: -1, Detail: "nearly"})
	m.Done()
	want := "reading:   0%, ETA 1h00m\nreading:  42%, ETA 1h00m\nreading:  83%, ETA 1h00m\ndraining: nearly\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
	var none *Meter
	none.Show(State{})
	none.Note("x")
	none.Done()
}

func TestRateLooksAtTheLastSeconds(t *testing.T) {
	var r Rate
	at := time.Unix(0, 0)
	if r.PerSecond() != 0 || r.Left(10) != 0 {
		t.Error("there is a rate before any progress")
	}
	value := 0.0
	for i := range 600 {
		step := 10.0
		if i >= 300 { // slower by then
			step = 1
		}
		value += step
		r.Add(at, value)
		at = at.Add(100 * time.Millisecond)
	}
	if rate := r.PerSecond(); rate < 9.9 || rate > 10.1 {
		t.Errorf("rate %f, want 10", rate)
	}
	if left := r.Left(value + 100); left < 9*time.Second || left > 11*time.Second {
		t.Errorf("%s left, want 10s", left)
	}
	r.Add(at, 0) // begun anew
	if r.PerSecond() != 0 {
		t.Error("a number that fell has a rate")
	}
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1500: "-1,500"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 30: "5.0 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 42 * time.Second: "42s", 185 * time.Second: "3m05s",
		127 * time.Minute: "2h07m"} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %s", d, got)
		}
	}
}

func TestTroubleIsSaidOnceOrInPlace(t *testing.T) {
	var out bytes.Buffer
	clock := &clock{time.Unix(0, 0)}
	m := New(&out, clock.now)
	for range 100 {
		m.Trouble("no answer")
		clock.at = clock.at.Add(time.Second)
	}
	m.Trouble("busy")
	if out.String() != "no answer\nno answer\nbusy\n" {
		t.Errorf("elsewhere: %q", out.String())
	}
	out.Reset()
	m.terminal = func() (int, bool) { return 8, true }
	m.Trouble("no answer")
	m.Trouble("no answer")
	m.Done()
	if out.String() != "\r\x1b[Kno answ\r\x1b[Kno answ\r\x1b[K" {
		t.Errorf("on a terminal: %q", out.String())
	}
}

// A rate that was measured for a moment says nothing about the rest, and no time left
// is ever 0 s.
func TestTimeLeftIsShownOnceItIsKnown(t *testing.T) {
	var rate Rate
	at := time.Unix(0, 0)
	rate.Add(at, 0)
	for _, c := range []struct {
		after time.Duration
		done  float64
		left  time.Duration
	}{
		{2 * time.Millisecond, 0.01, 0},
		{500 * time.Millisecond, 0.01, 0},
		{time.Second, 0.01, 99 * time.Second},
		{2 * time.Second, 0.5, 2 * time.Second},
	} {
		rate.Add(at.Add(c.after), c.done)
		if got := rate.Left(1).Round(time.Second); got != c.left {
			t.Errorf("after %s at %.0f %%: %s left, want %s", c.after, 100*c.done, got, c.left)
		}
	}
	text := line(State{Label: "x", Fraction: 0.99, Left: 400 * time.Millisecond}, false)
	if strings.Contains(text, "ETA") {
		t.Errorf("shown: %s", text)
	}
}
