package event_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"reprise/pkg/event"
)

// hostile builds texts of about n bytes that each strain another part of the
// parser.
var hostile = map[string]func(n int) string{
	"extensions in falling order": func(n int) string {
		return members(n, func(i int) string { return fmt.Sprintf(`"%08d":1`, 99999999-i) })
	},
	"extensions of null": func(n int) string {
		return members(n, func(i int) string { return fmt.Sprintf(`"%08d":null`, 99999999-i) })
	},
	"one extension again and again": func(n int) string { return members(n, func(int) string { return `"a":null` }) },
	"one attribute again and again": func(n int) string { return members(n, func(int) string { return `"id":"1"` }) },
	"data again and again":          func(n int) string { return members(n, func(int) string { return `"data":[ 1 ]` }) },
	"long name":                     func(n int) string { return made(strings.Repeat("a", n), "{}") },
	"long escaped name":             func(n int) string { return made(strings.Repeat(`\u0001`, n/6), "1") },
	"long id":                       func(n int) string { return made("id", long("x", n)) },
	"long escaped id":               func(n int) string { return made("id", long(`\u0041`, n/6)) },
	"long specversion":              func(n int) string { return made("specversion", long(`\u0001`, n/6)) },
	"long extension":                func(n int) string { return made("a", long(`\"`, n/2)) },
	"long integer":                  func(n int) string { return made("a", strings.Repeat("9", n)) },
	"open arrays":                   func(n int) string { return made("data", strings.Repeat("[", n)) },
	"arrays":                        func(n int) string { return made("data", "["+strings.Repeat("[],", n/3)+"0]") },
	"deep arrays": func(n int) string {
		deep := strings.Repeat("[", 199) + strings.Repeat("]", 199)
		return made("data", "["+strings.Repeat(deep+",", n/399)+"0]")
	},
	"white space": func(n int) string { return made("data", "[ "+strings.Repeat(" ", n)+"]") },
	"spaced data": func(n int) string { return made("data", "["+strings.Repeat("0, ", n/3)+"0]") },
	"quotes":      func(n int) string { return made("data", long(`\"`, n/2)) },
	"base64":      func(n int) string { return made("data_base64", long("AAAA", n/4)) },
	"placed suffixes": func(n int) string {
		return made("data", "{"+strings.Repeat(`"a":0,"repriseposition":"",`, n/27)+`"b":0}`)
	},
	"percent subject":    func(n int) string { return made("subject", long("%", n)) },
	"comma time":         func(n int) string { return made("time", long(",", n)) },
	"fraction time":      func(n int) string { return made("time", quoted("2026-03-01T09:30:00."+strings.Repeat("1", n)+"Z")) },
	"media type":         func(n int) string { return made("datacontenttype", quoted("a/b"+strings.Repeat(";a=b", n/4))) },
	"invalid at the end": func(n int) string { return made("data", long("x", n)) + "\xff" },
}

func members(n int, member func(i int) string) string {
	var b strings.Builder
	b.WriteString(made("data", "0")[:len(made("data", "0"))-1])
	for i := 0; b.Len() < n; i++ {
		b.WriteString("," + member(i))
	}
	return b.String() + "}"
}

// Sixteen times the text costs about sixteen times the time, and memory in
// proportion. The bounds leave room for a busy machine; what is quadratic
// passes them by far.
func TestHostileTextsCostLinearTime(t *testing.T) {
	const small, large = 256 << 10, 4 << 20
	for name, build := range hostile {
		shortText, longText := build(small), build(large)
		short, _ := cost(0, func() { _, _ = event.Parse(shortText) })
		limit := 64*short + 50*time.Millisecond
		took, allocated := cost(limit, func() { _, _ = event.Parse(longText) })
		t.Logf("%s: %v, %d KiB", name, took, allocated>>10)
		if took > limit {
			t.Errorf("%s: 4 MiB take %v, 256 KiB %v", name, took, short)
		}
		if allocated > 2*large {
			t.Errorf("%s: 4 MiB allocate %d KiB", name, allocated>>10)
		}
	}
}

// cost is the time of run, the least of three where it passes enough, and the
// bytes that it allocates.
func cost(enough time.Duration, run func()) (least time.Duration, allocated uint64) {
	least = time.Hour
	for i := 0; i < 3 && least > enough; i++ {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		run()
		least = min(least, time.Since(start))
		runtime.ReadMemStats(&after)
		allocated = after.TotalAlloc - before.TotalAlloc
	}
	return least, allocated
}

// A batch of very many small elements is read to its end, all invalid ones
// told, in linear time too.
func TestHostileBatches(t *testing.T) {
	for _, element := range []string{"{}", "0", made(), made("a", "{}")} {
		costs := map[int]time.Duration{}
		for _, n := range []int{64 << 10, 1 << 20} {
			elements := n / (len(element) + 1)
			text := "[" + strings.Repeat(element+",", elements-1) + element + "]"
			limit := 64*costs[64<<10] + 50*time.Millisecond
			count := 0
			costs[n], _ = cost(limit, func() {
				count = 0
				if err := event.ParseBatch(text, func(int, event.Event, error) error { count++; return nil }); err != nil {
					t.Error(err)
				}
			})
			if count != elements || costs[n] > limit {
				t.Errorf("%s: %d of %d elements, %v", element, count, elements, costs)
			}
		}
	}
}

// What runs once for each event on the way to a consumer allocates nothing.
func TestHotPathDoesNotAllocate(t *testing.T) {
	e := parse(t, deposit)
	line := e.AppendJSON(nil)
	at, _ := event.NewPosition(1, "49590338271490256608559692538361571095921575989136588898", 3)
	lanes := newLanes(t, 64)
	buffer := make([]byte, 0, 2*len(line))
	for name, run := range map[string]func(){
		"AppendJSON": func() { e.AppendJSON(buffer) },
		"DigestOf":   func() { event.DigestOf(at, line) },
		"ContentOf":  func() { event.ContentOf(line) },
		"Identity":   func() { e.Identity() },
		"Chain":      func() { event.Digest{}.Chain(event.Digest{}) },
		"Lanes.Of":   func() { lanes.Of(e.Subject) },
	} {
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s allocates %.0f times", name, n)
		}
	}
}
