package damage

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// smallDisk mounts a file system in memory of that many MiB. It skips the test
// where that is not allowed.
func smallDisk(t *testing.T, mebibytes string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+mebibytes+"m", "tmpfs", dir).CombinedOutput()
	if err != nil {
		t.Skipf("cannot mount a small disk, which needs root: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v %s", err, out)
		}
	})
	return dir
}

// fill writes a file until only so many bytes are free on its disk.
func fill(t *testing.T, path string, free uint64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		usage, err := vfs.Default.GetDiskUsage(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if usage.AvailBytes < free+uint64(len(block)) {
			block = block[:len(block)/2]
			continue
		}
		if _, err := file.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// accounts are events that open accounts with numbers from first, one for each
// event.
func accounts(first, count int) []json.RawMessage {
	events := make([]json.RawMessage, count)
	for i := range events {
		events[i] = fmt.Appendf(nil, `{"specversion":"1.0","id":"1","source":"damage","type":"account.opened",`+
			`"subject":"account-%d","data":{"owner":"Ada"}}`, first+i)
	}
	return events
}

// refused checks that a batch is answered with 507 and reads go on.
func refused(t *testing.T, when string, c *localtest.Client, batch []json.RawMessage) {
	t.Helper()
	body, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := http.StatusAccepted, []byte(nil)
	for range 200 { // the free space is checked only at intervals
		status, answer = c.Call(http.MethodPost, "/events", "application/cloudevents-batch+json", body)
		if status != http.StatusAccepted {
			break
		}
	}
	if status != http.StatusInsufficientStorage || !strings.Contains(string(answer), "urn:reprise:problem:disk-full") {
		t.Errorf("%s: POST /events answers %d %s", when, status, answer)
	}
	status, answer = c.Call(http.MethodPost, "/replays", "application/json", []byte(`{"name":"refused","input":{}}`))
	if status != http.StatusInsufficientStorage {
		t.Errorf("%s: POST /replays answers %d %s", when, status, answer)
	}
	if rows := c.Rows("", 64); len(rows) == 0 {
		t.Errorf("%s: nothing can be read", when)
	}
	var view api.StatusView
	if status, body := c.Call(http.MethodGet, "/status", "", nil); status != http.StatusOK ||
		json.Unmarshal(body, &view) != nil || view.Storage == nil || view.Storage.State != api.StorageFull {
		t.Errorf("%s: GET /status answers %d %s", when, status, body)
	}
}

// TestFullDiskEndsNoProcess fills a real disk to its last byte during a rebuild.
func TestFullDiskEndsNoProcess(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "320")
	const count, batch = 20_000, 5000
	binary, dir, filler := process.Binary(t), filepath.Join(disk, "data"), filepath.Join(disk, "filler")
	p := process.Launch(t, binary, dir, "--reserve", "32")
	c := &localtest.Client{T: t, URL: p.URL}
	for first := 0; first < count; first += batch {
		c.Send("/events", accounts(first, batch))
	}
	c.Settle(count)
	before := c.Rows("", 64)

	fill(t, filler, 48<<20)
	status, body := c.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"waits","input":{"rebuild":true,"promote":true}}`))
	if status != http.StatusCreated {
		t.Fatalf("start replay: %d %s", status, body)
	}
	fill(t, filler, 0)
	refused(t, "during a replay", c, accounts(count, 100))
	// It neither ends nor fails while the disk is full.
	still := time.NewTimer(3 * time.Second)
	<-still.C
	localtest.Until(c, "/replays/waits", func(v lifecycle.View) bool {
		if v.Status.Ended() {
			t.Fatalf("the replay did not wait: %s %+v", v.Status, v.Failure)
		}
		return true
	})

	p.Kill()
	p = process.Launch(t, binary, dir, "--reserve", "32")
	c = &localtest.Client{T: t, URL: p.URL}
	refused(t, "after a start on the full disk", c, accounts(count, 100))

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	got := localtest.Until(c, "/replays/waits", func(v lifecycle.View) bool { return v.Status.Ended() })
	if got.Status != replay.Succeeded || !got.Promoted {
		t.Errorf("the replay after there was room: %s %+v", got.Status, got.Failure)
	}
	after := c.Rows("", 64)
	maps.DeleteFunc(after, func(entity string, _ entities.View) bool {
		_, known := before[entity] // the others were accepted before the disk was seen to be full
		return !known
	})
	datasets.Same(t, "after there was room", after, before)
	c.Send("/events", accounts(count+1000, 100))
	c.Settle(count + 100) // at least
	p.Terminate()
}
