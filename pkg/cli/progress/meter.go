package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"reprise/pkg/cli/printable"
)

const (
	// redraw is how often a bar is drawn, report how often a line is printed.
	redraw = 100 * time.Millisecond
	report = 5 * time.Second
	// repeat is after how long the same trouble is printed again.
	repeat = time.Minute
	// barWidth is the width between the brackets of the bar, defaultWidth and
	// defaultHeight those of a terminal of unknown size.
	barWidth      = 24
	defaultWidth  = 80
	defaultHeight = 24
)

// State is what a Meter shows.
type State struct {
	// Label names the work. A new label is shown at once.
	Label string
	// Fraction is how much is done, from 0 to 1; negative if unknown.
	Fraction float64
	// Detail is counts and rates.
	Detail string
	// Left is the time left; 0 if unknown.
	Left time.Duration
}

// Meter shows states. A nil Meter shows nothing. It is safe for concurrent
// use.
type Meter struct {
	out      io.Writer
	now      func() time.Time
	terminal func() (width int, ok bool)
	height   func() int

	mu    sync.Mutex
	label string
	shown time.Time
	// drawn is the number of lines that are drawn, of which the cursor is in the last,
	// and printed the last line that was printed where nothing can be drawn.
	drawn   int
	printed string
	// trouble was printed at troubled.
	trouble  string
	troubled time.Time
}

// New returns a meter that draws a bar if out is a terminal, else prints lines. It
// quotes what comes from data itself, so that out may be a *printable.Writer.
func New(out io.Writer, now func() time.Time) *Meter {
	out = printable.Raw(out)
	return &Meter{out: out, now: now, terminal: func() (int, bool) { return terminal(out) },
		height: func() int { return height(out) }}
}

// terminal reports whether out is a terminal, and its width.
func terminal(out io.Writer) (width int, isTerminal bool) {
	file, ok := out.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 1 {
		width = defaultWidth
	}
	return width, true
}

// height is the number of lines of a terminal.
func height(out io.Writer) int {
	if file, ok := out.(interface{ Fd() uintptr }); ok {
		if _, lines, err := term.GetSize(int(file.Fd())); err == nil && lines > 0 {
			return lines
		}
	}
	return defaultHeight
}

// Height is how many lines Board can show; 0 if there is no terminal.
func (m *Meter) Height() int {
	if m == nil {
		return 0
	}
	if _, ok := m.terminal(); !ok {
		return 0
	}
	return max(1, m.height()-1) // the last line stays free for what is typed
}

// Board shows s and lines below it, which are redrawn in place; those that do not fit are
// left out. Without a terminal it is Show.
func (m *Meter) Board(s State, lines []string) {
	if m == nil {
		return
	}
	width, ok := m.terminal()
	if !ok {
		m.Show(s)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if s.Label == m.label && now.Sub(m.shown) < redraw {
		return
	}
	m.label, m.shown = s.Label, now
	m.draw(append([]string{line(s, true)}, lines...), width)
}

// draw replaces what is drawn.
func (m *Meter) draw(lines []string, width int) {
	lines = lines[:min(len(lines), max(1, m.height()-1))]
	var text strings.Builder
	text.WriteString(m.home())
	for i, one := range lines {
		if i > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString("\x1b[K" + clip(printable.Cell(one), width-1))
	}
	text.WriteString("\x1b[J")
	_, _ = io.WriteString(m.out, text.String())
	m.drawn = len(lines)
}

// home moves the cursor to the beginning of what is drawn.
func (m *Meter) home() string {
	if m.drawn > 1 {
		return fmt.Sprintf("\r\x1b[%dA", m.drawn-1)
	}
	return "\r"
}

// Show shows s, unless it has just shown a state with the same label, or printed the same
// line.
func (m *Meter) Show(s State) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	width, bar := m.terminal()
	every := report
	if bar {
		every = redraw
	}
	now := m.now()
	if s.Label == m.label && now.Sub(m.shown) < every {
		return
	}
	m.label, m.shown = s.Label, now
	text := printable.Cell(line(s, bar))
	if bar {
		m.drawLine(text, width)
		return
	}
	if text != m.printed {
		m.printed = text
		_, _ = fmt.Fprintln(m.out, text)
	}
}

// drawLine replaces what is drawn by one line.
func (m *Meter) drawLine(text string, width int) {
	if m.drawn > 1 {
		m.clear()
	}
	_, _ = fmt.Fprint(m.out, "\r\x1b[K", clip(text, width-1))
	m.drawn = 1
}

// Note prints a separate line.
func (m *Meter) Note(format string, args ...any) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	_, _ = fmt.Fprintln(m.out, printable.Cell(fmt.Sprintf(format, args...)))
}

// Trouble says what keeps the work from going on: on a terminal in place of the bar,
// else as a line, which is not repeated within a minute.
func (m *Meter) Trouble(text string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	width, bar := m.terminal()
	now := m.now()
	text = printable.Cell(text)
	switch {
	case bar:
		m.drawLine(text, width)
	case text != m.trouble || now.Sub(m.troubled) >= repeat:
		m.trouble, m.troubled = text, now
		_, _ = fmt.Fprintln(m.out, text)
	}
}

// Done erases the bar. The meter can be used again.
func (m *Meter) Done() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	m.label, m.printed = "", ""
}

func (m *Meter) clear() {
	switch {
	case m.drawn > 1:
		_, _ = io.WriteString(m.out, m.home()+"\x1b[J")
	case m.drawn == 1:
		_, _ = io.WriteString(m.out, "\r\x1b[K")
	}
	m.drawn = 0
}

func line(s State, bar bool) string {
	var parts []string
	if s.Fraction >= 0 {
		fraction := min(s.Fraction, 1)
		percent := fmt.Sprintf("%3.0f%%", fraction*100)
		if bar {
			filled := int(fraction * barWidth)
			percent = "[" + strings.Repeat("=", filled) + strings.Repeat(" ", barWidth-filled) + "] " + percent
		}
		parts = append(parts, percent)
	}
	if s.Detail != "" {
		parts = append(parts, s.Detail)
	}
	if s.Left >= time.Second/2 { // less would be shown as 0 s
		parts = append(parts, "ETA "+Duration(s.Left))
	}
	return s.Label + ": " + strings.Join(parts, ", ")
}

func clip(text string, width int) string {
	if runes := []rune(text); len(runes) > width && width > 0 {
		return string(runes[:width])
	}
	return text
}

// Duration formats d for people: 42s, 3m05s, 2h07m.
func Duration(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	switch {
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%dm%02ds", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%dh%02dm", seconds/3600, seconds%3600/60)
}

// Count groups the digits of a number: 1,234,567.
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Count(n/1000), n%1000)
}

// Bytes formats a size: 512 B, 1.5 MiB.
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	size, names := float64(n)/unit, "KMGTPE"
	for size >= unit && len(names) > 1 {
		size, names = size/unit, names[1:]
	}
	return fmt.Sprintf("%.1f %ciB", size, names[0])
}
