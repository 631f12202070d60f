package crash

import (
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/verifications"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

// verification waits until a verification is as check wants it.
func (s *steered) verification(id string, check func(verifications.View) bool) verifications.View {
	s.t.Helper()
	return localtest.Until(&localtest.Client{T: s.t, URL: s.URL}, "/verifications/"+id, check)
}

// TestKilledWhileAThrowawayIsVerified kills the platform at each stage of a verification of
// depth rebuild: it goes on, comes to its verdict, and leaves nothing behind. One that is
// cancelled after the kill, or whose replay has failed before it, leaves nothing either.
func TestKilledWhileAThrowawayIsVerified(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	delivers := func(id string) {
		s.at(id, "rate", `{"rate":200}`)
		s.until(id, func(v lifecycle.View) bool { return v.Progress.Delivered > 0 || v.Status.Ended() })
	}
	for id, reach := range map[string]func(id string){
		"just-begun": func(string) {},
		"rebuilding": func(id string) {
			s.verification(id, func(v verifications.View) bool { return v.Rebuild != nil && v.Rebuild.Generation != "" })
			delivers(id)
		},
		"built":    func(id string) { s.until(id, func(v lifecycle.View) bool { return v.Status.Ended() }) },
		"compares": func(id string) { s.verification(id, func(v verifications.View) bool { return v.Cut != nil }) },
		"fails": func(id string) {
			s.at(id, "pause", `{}`)
			s.fail(id)
			s.until(id, func(v lifecycle.View) bool { return v.Status.Ended() })
		},
		"cancelled": func(id string) {
			s.verification(id, func(v verifications.View) bool { return v.Rebuild != nil && v.Rebuild.Generation != "" })
			delivers(id)
		},
	} {
		s.do("verify", "start", "--depth", "rebuild", "--name", id)
		s.verification(id, func(v verifications.View) bool {
			return id == "just-begun" || v.Rebuild != nil && v.Rebuild.Status != ""
		})
		reach(id)
		s.restart()
		want := verify.Clean
		if id == "cancelled" {
			if _, err := s.Reprise("verify", "cancel", id); err == nil {
				want = verify.Cancelled
			} else if !strings.Contains(err.Error(), "has ended") { // it was too far to be slowed down
				t.Error(err)
			}
		}
		s.perhaps("replay", "set-rate", id, "0")
		// One that was too far to be cancelled or to fail has built what is dropped as well.
		if v := s.until(id, func(v lifecycle.View) bool { return v.Status.Ended() }); v.Status == replay.Failed {
			want = verify.Failed
		}
		end := s.verification(id, func(v verifications.View) bool { return v.Status.Ended() })
		if end.Status != want {
			t.Errorf("%s: %s %+v %+v", id, end.Status, end.Report, end.Failure)
		}
		if end.Status == verify.Failed && end.Failure.Error != "Reprise.RebuildFailed" {
			t.Errorf("%s: %+v", id, end.Failure)
		}
		localtest.Until(&localtest.Client{T: t, URL: s.URL}, "/generations", func(v api.GenerationsView) bool {
			return len(v.Generations) == 1 && v.Active == "g0001"
		})
	}
}

// at steers a replay at once, which may be too late by now.
func (s *steered) at(id, how, body string) {
	statusOf(s.URL+"/replays/"+id+"/"+how, "application/json", []byte(body))
}

// perhaps does what may be too late by now.
func (s *steered) perhaps(args ...string) { _, _ = s.Reprise(args...) }
