//go:build unix

package event_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
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
	"percent subject": func(n int) string { return made("subject", long("%", n)) },
	"comma time":      func(n int) string { return made("time", long(",", n)) },
	"fraction time": func(n int) string {
		return made("time",
			quoted("2026-03-01T09:30:00."+strings.Repeat("1", n)+"Z"))
	},
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

// slack is what a text may cost beyond proportion: enough for a busy machine
// and the race detector, and nothing to what is quadratic in 4 MiB.
const slack = 500 * time.Millisecond

// Sixteen times the text costs about sixteen times the time, and memory in
// proportion.
func TestHostileTextsCostLinearTime(t *testing.T) {
	const small, large = 256 << 10, 4 << 20
	for name, build := range hostile {
		shortText, longText := build(small), build(large)
		short, _ := cost(t, func() { _, _ = event.Parse(shortText) })
		took, allocated := cost(t, func() { _, _ = event.Parse(longText) })
		t.Logf("%s: %v, %d KiB", name, took, allocated>>10)
		if took > 64*short+slack {
			t.Errorf("%s: 4 MiB take %v, 256 KiB %v", name, took, short)
		}
		if allocated > 2*large {
			t.Errorf("%s: 4 MiB allocate %d KiB", name, allocated>>10)
		}
	}
}

// cost is the processor time that run takes, which other programs do not
// lengthen as they do the time on the clock, and the bytes that it allocates.
func cost(t *testing.T, run func()) (took time.Duration, allocated uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(t)
	run()
	took = processorTime(t) - start
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// A batch of very many small elements is read to its end, all invalid ones
// told, in linear time too.
func TestHostileBatches(t *testing.T) {
	const small, large = 64 << 10, 1 << 20
	for _, element := range []string{"{}", "0", made(), made("a", "{}")} {
		read := func(n int) time.Duration {
			elements := n / (len(element) + 1)
			text := "[" + strings.Repeat(element+",", elements-1) + element + "]"
			count := 0
			took, _ := cost(t, func() {
				if err := event.ParseBatch(text, func(int, event.Event, error) error { count++; return nil }); err != nil {
					t.Error(err)
				}
			})
			if count != elements {
				t.Errorf("%s: %d of %d elements read", element, count, elements)
			}
			return took
		}
		if short, long := read(small), read(large); long > 64*short+slack {
			t.Errorf("%s: 1 MiB takes %v, 64 KiB %v", element, long, short)
		}
	}
}
