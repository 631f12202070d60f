package wiring

import (
	"reprise/pkg/datastore"
	"reprise/pkg/steps"
)

// verify runs the steps of a verification, which fails with an error unless that is "".
func (s served) verify(failure string) {
	s.t.Helper()
	ctx := s.t.Context()
	in := steps.PlanVerificationInput{Verification: "v", Input: []byte("{}")}
	plan, err := s.PlanVerification()(ctx, in)
	if err != nil {
		s.t.Fatal(err)
	}
	for group := range plan.Groups {
		if _, err := s.VerifyLanes()(ctx, steps.VerifyInput{Verification: "v", Group: group}); err != nil {
			s.t.Fatal(err)
		}
	}
	_, err = s.ReportVerification()(ctx, steps.ReportVerificationInput{Verification: "v", Error: failure})
	if err != nil {
		s.t.Fatal(err)
	}
}

// verifications are the scenarios of what a verification may find.
func verifications() map[string]func(served) {
	written := func(s served) {
		batch := happens(s.t, s.Platform, "x", "one.happened")
		s.pump(batch)
		s.write(batch)
	}
	return map[string]func(served){
		"VerificationClean": func(s served) { written(s); s.verify("") },
		"VerificationDrift": func(s served) {
			written(s)
			g, lane := s.Generations.Open(datastore.FirstGeneration), s.Lanes.Of("x")
			rows, err := g.Rows(s.t.Context(), lane, []string{"x"})
			if err != nil {
				s.t.Fatal(err)
			}
			row := rows["x"]
			row.Count++
			if _, err := g.WriteRows(s.t.Context(), lane, []datastore.RowWrite{{Row: row, Previous: row.Position}}); err != nil {
				s.t.Fatal(err)
			}
			s.verify("")
		},
		"VerificationFailed": func(s served) { written(s); s.verify("States.Timeout") },
	}
}
