package datasets

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/pkg/cli"
	"reprise/pkg/domain/samples"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// wholeLog is the variable that lets the forks be of the whole log, not of its beginning.
const wholeLog = "REPRISE_TEST_WHOLE_LOG"

// forkLanes are few, so that a fork is quick.
const forkLanes = 8

// change is what an event says about a file, and when it was logged.
type change struct {
	path                  string
	logged                time.Time
	Added, Deleted, Lines int64
}

// changes reads a log that is imported in this order: logged times never go back within a
// lane.
func changes(t *testing.T, lines []json.RawMessage, count int) []change {
	t.Helper()
	division, err := event.NewLanes(count)
	if err != nil {
		t.Fatal(err)
	}
	latest := make([]time.Time, count)
	var all []change
	for _, line := range lines {
		e, err := event.Parse(string(line))
		if err != nil {
			t.Fatal(err)
		}
		own, _ := e.Timestamp()
		c := change{path: e.Subject}
		if err := json.Unmarshal([]byte(e.Data), &c); err != nil {
			t.Fatal(err)
		}
		lane := division.Of(e.Subject)
		if own.After(latest[lane]) {
			latest[lane] = own
		}
		c.logged = latest[lane]
		all = append(all, c)
	}
	return all
}

// prefix adds up what was logged before a time.
func prefix(all []change, to time.Time) (files map[string]samples.FileState, events int64) {
	files = make(map[string]samples.FileState)
	for _, c := range all {
		if !c.logged.Before(to) {
			continue
		}
		f := files[c.path]
		f.Added, f.Deleted, f.Lines, f.Changes = f.Added+c.Added, f.Deleted+c.Deleted, f.Lines+c.Lines, f.Changes+1
		files[c.path] = f
		events++
	}
	return files, events
}

// A fork at any time has the states to which the log up to then adds up.
func TestForksOfARealLogEqualItsPrefixes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	d := Karpenter(t)
	if os.Getenv(wholeLog) == "" {
		t.Logf("of the log's beginning; with %s=1, of the whole log", wholeLog)
		d.Lines = d.Lines[:1500]
	}
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: forkLanes})
	d.Send(p.Client, "/imports", batch)
	p.Settle(int64(len(d.Lines)))
	all := changes(t, d.Lines, forkLanes)
	dir := t.TempDir()
	for i := range 10 {
		// Times at which something happened, and between: to is excluded.
		to := all[r.IntN(len(all))].logged.Add(time.Duration(r.IntN(3)-1) * time.Second)
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			forkTo(t, p, all, to, filepath.Join(dir, strconv.Itoa(i)))
		})
	}
}

// forkTo makes a fork and compares it with what the changes before a time add up to.
func forkTo(t *testing.T, p *localtest.Platform, all []change, to time.Time, into string) {
	t.Helper()
	want, events := prefix(all, to)
	var out, errs bytes.Buffer
	args := []string{"fork", "--to", to.UTC().Format(time.RFC3339), "--into", into, "--endpoint", p.URL}
	code := cli.Main(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), &out, &errs)
	var result struct {
		Events   int64
		Verified bool
	}
	err := json.Unmarshal(out.Bytes(), &result)
	if code != 0 || err != nil || result.Events != events || !result.Verified {
		t.Fatalf("fork to %s, of %d events: exit %d\n%s%s", to, events, code, &out, &errs)
	}
	fork := localtest.Start(t, local.Options{Dir: into, Lanes: forkLanes})
	rows := fork.Rows("", forkLanes)
	fork.Stop()
	if len(rows) != len(want) {
		t.Errorf("fork to %s: %d files, want %d", to, len(rows), len(want))
	}
	for path, file := range want {
		var have samples.FileState
		if row := rows[path]; json.Unmarshal(row.State, &have) != nil || have != file {
			t.Errorf("fork to %s: %s is %s, want %+v", to, path, row.State, file)
		}
	}
}
