package figures

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"reprise/integration/process"
)

// peakLimit bounds the platform's resident size, however long the log is.
const peakLimit = 512 << 20

// BenchmarkMillionEvents sends a million synthetic events to a platform that
// runs as a separate process, rebuilds from them, and reports the process's
// largest resident size. It fails above peakLimit.
func BenchmarkMillionEvents(b *testing.B) {
	const n = 1_000_000
	binary := process.Binary(b)
	file := filepath.Join(b.TempDir(), "million.jsonl")
	out, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	generate := exec.Command(binary, "generate", "--events", strconv.Itoa(n), "--entities", "500000")
	generate.Stdout = out
	if err := generate.Run(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		p := process.Launch(b, binary, b.TempDir())
		b.StartTimer()
		started := b.Elapsed()
		if _, err := p.Reprise("send", file, "--wait"); err != nil {
			b.Fatal(err)
		}
		sent := b.Elapsed()
		if _, err := p.Reprise("replay", "start", "--rebuild", "--promote", "--wait"); err != nil {
			b.Fatal(err)
		}
		rebuilt := b.Elapsed()
		b.StopTimer()
		peak := peakBytes(b, p.PID())
		if peak > peakLimit {
			b.Errorf("the platform took %d MiB, at most %d are allowed", peak>>20, peakLimit>>20)
		}
		b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
		b.ReportMetric(n/(sent-started).Seconds(), "ingested/s")
		b.ReportMetric(n/(rebuilt-sent).Seconds(), "rebuilt/s")
		p.Terminate()
		b.StartTimer()
	}
}

// peakBytes is the largest resident size of a process so far.
func peakBytes(b *testing.B, pid int) int64 {
	b.Helper()
	return statusBytes(b, pid, "VmHWM:")
}

// residentBytes is the resident size of a process.
func residentBytes(b *testing.B, pid int) int64 {
	b.Helper()
	return statusBytes(b, pid, "VmRSS:")
}

func statusBytes(b *testing.B, pid int, name string) int64 {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		b.Skipf("the resident size can be read on Linux only: %v", err)
	}
	for line := range strings.Lines(string(raw)) {
		if text, found := strings.CutPrefix(line, name); found {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	b.Fatal("the process has no " + name)
	return 0
}
