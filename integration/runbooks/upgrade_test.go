package runbooks

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/integration/programs"
	"reprise/pkg/api"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// later builds the program of a later release, in which one projection has another
// version.
func later(t *testing.T) string {
	t.Helper()
	dir := programs.Build(t, programs.Order{
		Packages: []string{"./pkg/cmd/reprise"},
		Edits: []programs.Edit{{
			File: "pkg/domain/samples/repofiles.go",
			Old:  `projection.New("repofiles", 1,`,
			New:  `projection.New("repofiles", 2,`,
		}},
	})
	return filepath.Join(dir, "reprise")
}

// TestUpgradeInARebuildAndRollback installs a later program in the middle of a rebuild,
// and then the old program again. No event is lost, no generation has rows of two
// versions, and each program says what to do.
func TestUpgradeInARebuildAndRollback(t *testing.T) {
	t.Parallel()
	d := datasets.Litestream(t)
	all := int64(len(d.Lines))
	half := all / 2
	old, later, dir := process.Binary(t), later(t), t.TempDir()
	p := process.Launch(t, old, dir)
	send(t, p, d.Lines[:half])
	settle(t, p, half)
	before := rows(t, p)
	killInARebuild(t, p, "begun")

	p = process.Launch(t, later, dir)
	begun := ended(t, p, "begun")
	if begun.Status != replay.Failed || begun.Failure.Error != steps.FaultOtherVersion || begun.Promoted {
		t.Errorf("the rebuild of the old program: %+v, failure %+v", begun, begun.Failure)
	}
	datasets.Same(t, "after the upgrade", rows(t, p), before)
	rebuild(t, p, "accounts@1,repofiles@2")
	send(t, p, d.Lines[half:half+100])
	settle(t, p, half+100)
	newest := rows(t, p)
	p.Terminate()
	wantStoodStill(t, p)

	p = process.Launch(t, old, dir)
	send(t, p, d.Lines[half+100:])
	datasets.Same(t, "before the rollback's rebuild", rows(t, p), newest)
	rebuild(t, p, "accounts@1,repofiles@1")
	settle(t, p, all)
	d.Judge(t, "after the rollback", rows(t, p))
	p.Terminate()
	wantStoodStill(t, p)
}

// killInARebuild starts a rebuild and kills the platform when a part of it is applied.
func killInARebuild(t *testing.T, p *process.Process, name string) {
	t.Helper()
	run(t, p, "replay", "start", "--rebuild", "--promote", "--name", name)
	for deadline := time.Now().Add(time.Minute); ; {
		response, err := http.Get(p.URL + "/replays/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var view lifecycle.View
		err = json.NewDecoder(response.Body).Decode(&view)
		_ = response.Body.Close() // it was read
		switch {
		case err != nil:
			t.Fatal(err)
		case view.Status.Ended() || time.Now().After(deadline):
			t.Fatalf("the rebuild was not stopped in time: %+v", view)
		case view.Progress.Read > 0:
			p.Kill()
			return
		}
	}
}

// ended waits for the end of a replay, whatever it is.
func ended(t *testing.T, p *process.Process, name string) lifecycle.View {
	t.Helper()
	_, _ = p.Reprise("replay", "watch", name) // its exit code tells how the replay ended
	return answer[lifecycle.View](t, p, "replay", "get", name)
}

// rebuild replaces the active generation by one of the running program's version.
func rebuild(t *testing.T, p *process.Process, version string) {
	t.Helper()
	view := answer[lifecycle.View](t, p, "replay", "start", "--rebuild", "--promote", "--wait")
	if view.Status != replay.Succeeded || !view.Promoted || !view.Proof.Complete || view.Proof.Version != version {
		t.Errorf("rebuild for %s: %+v, proof %+v", version, view, view.Proof)
	}
	status := answer[api.StatusView](t, p, "status")
	for _, g := range status.Generations {
		if g.ID == status.Active && g.Version != version {
			t.Errorf("generation %s of %s is active, want one of %s", g.ID, g.Version, version)
		}
	}
}

// wantStoodStill checks what a platform that has ended said at its start.
func wantStoodStill(t *testing.T, p *process.Process) {
	t.Helper()
	const said = "the active generation belongs to other versions of the projections and stands still"
	if !strings.Contains(p.Stderr(), said) {
		t.Errorf("the platform did not say at its start that %q:\n%s", said, p.Stderr())
	}
}

// TestProgramRefusesAnotherFormat starts the program on the directory of a program that
// stores in another way, and with other settings. It names both and changes nothing.
func TestProgramRefusesAnotherFormat(t *testing.T) {
	t.Parallel()
	binary, dir := process.Binary(t), t.TempDir()
	process.Launch(t, binary, dir).Terminate()
	record := filepath.Join(dir, "FORMAT")
	own, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format string
		flags  []string
		want   string
	}{
		{
			strings.Replace(string(own), `"format":1`, `"format":2`, 1), nil,
			"data directory was written by another version: it has format 2, this program reads 1",
		},
		{string(own), []string{"--lanes", "16"}, "data directory was created with other settings: it has 64 lanes"},
	} {
		if err := os.WriteFile(record, []byte(c.format), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"local", "--data", dir, "--addr", "127.0.0.1:0"}, c.flags...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel() // a program that does not refuse would run on
		command := exec.CommandContext(ctx, binary, args...)
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		err := command.Run()
		if command.ProcessState.ExitCode() != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), c.want) ||
			!strings.Contains(stderr.String(), "hint: ") {
			t.Errorf("%s %v: %v, printed %q and %q", c.format, c.flags, err, stdout.String(), stderr.String())
		}
		if now, err := os.ReadFile(record); err != nil || string(now) != c.format {
			t.Errorf("the format record is now %s, %v", now, err)
		}
	}
	if err := os.WriteFile(record, own, 0o600); err != nil {
		t.Fatal(err)
	}
	process.Launch(t, binary, dir).Terminate()
}
