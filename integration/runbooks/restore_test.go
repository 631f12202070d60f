package runbooks

import (
	"path/filepath"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/replay/lifecycle"
)

// TestRestoreFromABackup loses the data directory and puts a copy back that was made
// while the platform was stopped. Status says where the restored log ends, so that the
// producers know what to send again; what was not lost is sent twice, and changes nothing.
func TestRestoreFromABackup(t *testing.T) {
	t.Parallel()
	d := datasets.Litestream(t)
	all := int64(len(d.Lines))
	half := all / 2
	binary := process.Binary(t)
	dir, backup := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")

	p := process.Launch(t, binary, dir)
	send(t, p, d.Lines[:half])
	saved := settle(t, p, half)
	before := rows(t, p)
	p.Terminate()
	replace(t, backup, dir)

	p = process.Launch(t, binary, dir)
	send(t, p, d.Lines[half:])
	settle(t, p, all)
	p.Kill()
	replace(t, dir, backup)

	p = process.Launch(t, binary, dir)
	restored := answer[api.StatusView](t, p, "status")
	if restored.Log.Events != half || !restored.Log.Newest.Equal(*saved.Log.Newest) {
		t.Errorf("the restored log has %d events up to %s, the saved one %d up to %s", restored.Log.Events,
			restored.Log.Newest, saved.Log.Events, saved.Log.Newest)
	}
	datasets.Same(t, "restored", rows(t, p), before)
	send(t, p, d.Lines[half-100:])
	settle(t, p, all+100)
	live := rows(t, p)
	d.Judge(t, "sent again", live)
	rebuilt := answer[lifecycle.View](t, p, "replay", "start", "--rebuild", "--promote", "--wait")
	if rebuilt.Proof == nil || !rebuilt.Proof.Complete || rebuilt.Progress.Duplicates != 100 {
		t.Errorf("rebuild: %+v", rebuilt)
	}
	datasets.Same(t, "rebuilt", rows(t, p), live)
	p.Terminate()
}
