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

// cutTail removes the second half of the newest write-ahead log of a data directory:
// its very end may hold only what consumers wrote, which they write again.
func cutTail(t *testing.T, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no write-ahead log: %v", err)
	}
	newest := slices.Max(logs)
	raw, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(raw, "\x00")) // the rest was reserved in advance
	if err := os.WriteFile(newest, raw[:used/2], 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCutLogIsNotRolledBackSilently cuts the end of the write-ahead log of a killed
// platform. The start refuses to go on until an operator accepts the loss, which
// status and proofs show from then on.
func TestCutLogIsNotRolledBackSilently(t *testing.T) {
	d := datasets.Litestream(t)
	binary, dir := process.Binary(t), t.TempDir()
	p := process.Launch(t, binary, dir)
	for i := 0; i < 1000; i += 50 {
		if !post(p.URL, d.Lines[i:i+50]) {
			t.Fatal("a batch was not accepted")
		}
	}
	p.Kill()
	cutTail(t, dir)

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
	p = process.Launch(t, binary, dir) // accepted once
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
