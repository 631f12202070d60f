package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/replay/lifecycle"
)

// newestLog tells the newest write-ahead log of a data directory and its bytes in use.
func newestLog(t *testing.T, dir string) (path string, used []byte) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no write-ahead log: %v", err)
	}
	path = slices.Max(logs)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, bytes.TrimRight(raw, "\x00") // the rest was reserved in advance
}

// killedAfterCut sends lines, kills the platform and cuts its log to where it ended before
// the last batch. A cut measured from its end might take only what consumers wrote, which
// they write again. It reports false, with nothing cut, if the log went on in another file
// during the last batch.
func killedAfterCut(t *testing.T, binary, dir string, lines []json.RawMessage) bool {
	t.Helper()
	p := process.Launch(t, binary, dir)
	last := len(lines) - 50
	for i := 0; i < last; i += 50 {
		if !post(p.URL, lines[i:i+50]) {
			t.Fatal("a batch was not accepted")
		}
	}
	path, used := newestLog(t, dir)
	if !post(p.URL, lines[last:]) {
		t.Fatal("the last batch was not accepted")
	}
	p.Kill()
	if still, _ := newestLog(t, dir); still != path {
		return false
	}
	if err := os.WriteFile(path, used, 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestCutLogIsNotRolledBackSilently cuts the end of the write-ahead log of a killed
// platform. The start refuses to go on until an operator accepts the loss, which
// status and proofs show from then on.
func TestCutLogIsNotRolledBackSilently(t *testing.T) {
	t.Parallel()
	d := datasets.Litestream(t)
	binary, dir := process.Binary(t), t.TempDir()
	for sent := 0; !killedAfterCut(t, binary, dir, d.Lines[sent:sent+1000]); sent += 1000 {
		if sent+2000 > len(d.Lines) {
			t.Fatal("the write-ahead log changed its file during every last batch")
		}
	}

	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	refused := exec.CommandContext(ctx, binary, "local", "--data", dir, "--addr", "127.0.0.1:0")
	out, err := refused.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(out, []byte("acknowledged events are missing")) ||
		!bytes.Contains(out, []byte("--accept-loss")) {
		t.Fatalf("start without the end of the log: %v\n%s", err, out)
	}

	process.Launch(t, binary, dir, "--accept-loss").Terminate()
	p := process.Launch(t, binary, dir) // accepted once
	settle(t, p)
	out2, err := p.Reprise("status", "--json")
	var view api.StatusView
	if err != nil || json.Unmarshal([]byte(out2), &view) != nil || view.Storage == nil || len(view.Storage.Lost) == 0 {
		t.Fatalf("status: %v %s", err, out2)
	}
	out2, err = p.Reprise("replay", "start", "--rebuild", "--promote", "--wait", "--json")
	var done lifecycle.View
	if err != nil || json.Unmarshal([]byte(out2), &done) != nil || done.Proof == nil ||
		len(done.Proof.Lost) != len(view.Storage.Lost) || !strings.Contains(done.Proof.Lost[0], "acknowledged until") {
		t.Fatalf("rebuild: %v %s", err, out2)
	}
	// Whoever sent the events sends them again.
	for i := 0; i < len(d.Lines); i += 50 {
		if !post(p.URL, d.Lines[i:min(i+50, len(d.Lines))]) {
			t.Fatal("a batch was not accepted")
		}
	}
	settle(t, p)
	d.Judge(t, "sent again", exported(t, p))
	p.Terminate()
}

// TestAddressInUseCreatesNothing: whoever mistypes an address has no new directory.
func TestAddressInUseCreatesNothing(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dir := filepath.Join(t.TempDir(), "data")
	command := exec.Command(process.Binary(t), "local", "--data", dir, "--addr", listener.Addr().String())
	out, err := command.CombinedOutput()
	if err == nil || !bytes.Contains(out, fmt.Appendf(nil, "%s is in use", listener.Addr())) {
		t.Errorf("start on an address in use: %v\n%s", err, out)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory: %v", err)
	}
}
