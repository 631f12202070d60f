package progress

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// screen is a terminal: it understands what a Meter writes, and nothing else.
type screen struct {
	t     *testing.T
	lines []string
	at    int
	// begin is set while the cursor stands at the beginning of the line.
	begin bool
}

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		var up int
		switch {
		case strings.HasPrefix(text, "\r"):
			s.begin, text = true, text[1:]
		case strings.HasPrefix(text, "\n"):
			s.at, text = s.at+1, text[1:]
		case strings.HasPrefix(text, "\x1b[K"):
			s.grow()
			s.lines[s.at], text = "", text[3:]
		case strings.HasPrefix(text, "\x1b[J"):
			s.grow()
			if s.lines, text = s.lines[:s.at+1], text[3:]; s.begin {
				s.lines[s.at] = ""
			}
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &up); err != nil || up > s.at {
				s.t.Fatalf("the terminal does not understand %q in line %d", text, s.at)
			}
			s.at, text = s.at-up, text[strings.IndexByte(text, 'A')+1:]
		default:
			end := strings.IndexFunc(text, unicode.IsControl)
			if end < 0 {
				end = len(text)
			}
			s.grow()
			s.lines[s.at], text, s.begin = s.lines[s.at]+text[:end], text[end:], false
		}
	}
	return len(p), nil
}

func (s *screen) grow() {
	for len(s.lines) <= s.at {
		s.lines = append(s.lines, "")
	}
}

func (s *screen) shows(want ...string) {
	s.t.Helper()
	if got := s.lines; !slices.Equal(got, want) {
		s.t.Errorf("the terminal shows\n%q, want\n%q", got, want)
	}
}

func TestABoardIsRedrawnInPlace(t *testing.T) {
	now := time.Unix(0, 0)
	out := &screen{t: t}
	m := New(out, func() time.Time { now = now.Add(time.Second); return now })
	width, height := 40, 5
	m.terminal = func() (int, bool) { return width, true }
	m.height = func() int { return height }
	head := State{Label: "replaying", Fraction: -1, Detail: "10/s"}
	m.Board(head, []string{"group 0", "group 1", "group 2"})
	out.shows("replaying: 10/s", "group 0", "group 1", "group 2")
	m.Board(head, []string{"x\x1b[2J\u202e\nforged"})
	out.shows("replaying: 10/s", `x\u001b[2J\u202e\u000aforged`)
	m.Board(head, []string{"a", "b", "c", "d", "e"})
	out.shows("replaying: 10/s", "a", "b", "c")
	if m.Height() != 4 {
		t.Errorf("a terminal of 5 lines takes %d", m.Height())
	}
	width = 9
	m.Board(head, []string{"much too long"})
	out.shows("replayin", "much too")
	m.Trouble("no answer")
	out.shows("no answe")
	m.Board(head, []string{"a", "b"})
	m.Note("noted")
	out.shows("noted")
	m.Board(head, []string{"a"})
	m.Done()
	out.shows("noted", "")
}

// Without a terminal a line is printed when something has changed, and not too often.
func TestLinesArePrintedWhenSomethingHasChanged(t *testing.T) {
	now := time.Unix(0, 0)
	var out strings.Builder
	m := New(&out, func() time.Time { return now })
	for i := range 60 {
		now = now.Add(time.Second)
		m.Board(State{Label: "replaying", Fraction: -1, Detail: fmt.Sprint(i / 20)}, []string{"group 0"})
	}
	if got, want := out.String(), "replaying: 0\nreplaying: 1\nreplaying: 2\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if m.Height() != 0 {
		t.Errorf("no terminal takes %d lines", m.Height())
	}
}
