package datasets

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/demo"
	"reprise/pkg/local/localtest"
)

// Log is a real log.
type Log struct {
	// Lines are events as JSON.
	Lines []json.RawMessage
	// Truth is the state that Git computes.
	Truth demo.Truth
}

// Litestream is the smaller log, which the demonstration also uses.
func Litestream(t testing.TB) Log {
	t.Helper()
	log, err := demo.Litestream()
	if err != nil {
		t.Fatal(err)
	}
	truth, err := demo.LitestreamTruth()
	if err != nil {
		t.Fatal(err)
	}
	return Log{ReadLines(t, log), truth}
}

var (
	//go:embed testdata/karpenter-provider-aws.jsonl.gz
	karpenterLog []byte
	//go:embed testdata/karpenter-provider-aws.truth.json
	karpenterTruth []byte
)

// Karpenter is the larger log, of 35,549 events.
func Karpenter(t testing.TB) Log {
	t.Helper()
	log, err := gzip.NewReader(bytes.NewReader(karpenterLog))
	if err != nil {
		t.Fatal(err)
	}
	truth, err := demo.ParseTruth(karpenterTruth)
	if err != nil {
		t.Fatal(err)
	}
	return Log{ReadLines(t, log), truth}
}

// ReadLines reads events, one per line.
func ReadLines(t testing.TB, r io.Reader) []json.RawMessage {
	t.Helper()
	var lines []json.RawMessage
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, slices.Clone(scanner.Bytes()))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// Send sends the whole log in batches of size events.
func (l Log) Send(to *localtest.Client, path string, size int) {
	for batch := range slices.Chunk(l.Lines, size) {
		to.Send(path, batch)
	}
}

// Judge compares rows with Git.
func (l Log) Judge(t testing.TB, what string, rows map[string]entities.View) {
	t.Helper()
	wrong := 0
	for path, row := range rows {
		if !l.Truth.Agrees(path, row.State) {
			wrong++
			if wrong < 5 {
				t.Errorf("%s: %s is %s, Git says %d lines", what, path, row.State, l.Truth[path])
			}
		}
	}
	for path := range l.Truth {
		if _, found := rows[path]; !found {
			t.Errorf("%s: %s is missing", what, path)
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d entities disagree with Git", what, wrong, len(rows))
	}
}

// Same compares the state, count, chain and position of rows byte for byte.
func Same(t testing.TB, what string, got, want map[string]entities.View) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d entities, want %d", what, len(got), len(want))
	}
	wrong := 0
	for name, w := range want {
		g := got[name]
		if string(g.State) != string(w.State) || g.Count != w.Count || g.Chain != w.Chain || g.Position != w.Position {
			if wrong++; wrong < 5 {
				t.Errorf("%s: %s is %+v, want %+v", what, name, g, w)
			}
		}
	}
}
