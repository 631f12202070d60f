package damage

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// flip changes one byte of the largest table file of a data directory, at a share
// of its size.
func flip(t *testing.T, dir string, share float64) (file string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > len(raw) {
			file, raw = name, content
		}
	}
	if file == "" {
		t.Fatal("there is no table file")
	}
	raw[int(float64(len(raw))*share)] ^= 0x10
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(file)
}

// TestDamagedBlockEndsNoProcess damages one block of the log's part of a table file.
// Replays that read it end as FAILED with the reason, at every start; ingest and
// reads of everything else go on, and status names the file.
func TestDamagedBlockEndsNoProcess(t *testing.T) {
	t.Parallel()
	d := datasets.Litestream(t)
	binary, dir := process.Binary(t), t.TempDir()
	p := process.Launch(t, binary, dir)
	c := &localtest.Client{T: t, URL: p.URL}
	c.Send("/events", d.Lines[:2000])
	c.Settle(2000)
	p.Terminate()
	p = process.Launch(t, binary, dir) // its start moves everything into table files
	p.Terminate()
	file := flip(t, dir, 0.75)

	for _, name := range []string{"first", "second"} {
		p = process.Launch(t, binary, dir)
		c = &localtest.Client{T: t, URL: p.URL}
		got := c.Replay(name, `{"rebuild":true,"promote":true}`)
		if got.Status != replay.Failed || got.Failure == nil || got.Failure.Error != replay.FaultDamaged ||
			!strings.Contains(got.Failure.Cause, file) {
			t.Errorf("%s: %s, %+v", name, got.Status, got.Failure)
		}
		var view api.StatusView
		if status, body := c.Call(http.MethodGet, "/status", "", nil); status != http.StatusOK ||
			json.Unmarshal(body, &view) != nil || view.Storage == nil || len(view.Storage.Damaged) != 1 ||
			view.Storage.Damaged[0].File != file || view.Storage.State != api.StorageOK {
			t.Errorf("status: %d %s", status, body)
		}
		out, err := p.Reprise("status")
		if err != nil || !strings.Contains(out, file) {
			t.Errorf("reprise status: %v\n%s", err, out)
		}
		p.Kill()
	}

	p = process.Launch(t, binary, dir)
	c = &localtest.Client{T: t, URL: p.URL}
	c.Send("/events", d.Lines[2000:])
	c.Settle(int64(len(d.Lines)))
	d.Judge(t, "the active generation", c.Rows("", 64))
	p.Terminate()
	if errors := p.Stderr(); strings.Contains(errors, "panic") || strings.Contains(errors, "goroutine") {
		t.Errorf("a crash dump:\n%s", errors)
	}
}
