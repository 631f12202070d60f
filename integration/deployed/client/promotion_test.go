package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"reprise/integration/deployed"
	"reprise/pkg/api"
	"reprise/pkg/api/verifications"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

// deposits are further events of an account.
func deposits(from, to int) (batch []json.RawMessage) {
	for i := from; i < to; i++ {
		batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"d%d","source":"/t",`+
			`"type":"account.deposited","subject":"account-%d","data":{"amount":1}}`, i, i%2)))
	}
	return batch
}

// becomes waits until a generation is active and in step with the log.
func becomes(w *deployed.World, id string, events int64) {
	w.T.Helper()
	localtest.Until(w, "/generations", func(v api.GenerationsView) bool {
		for _, g := range v.Generations {
			if g.ID == id && g.Detail.Events != nil && *g.Detail.Events == events {
				return v.Active == id
			}
		}
		return false
	})
}

// equalsTheFold verifies a generation.
func equalsTheFold(t *testing.T, w *deployed.World, name, generation string) {
	t.Helper()
	status, body := w.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"`+name+`","input":{"generation":"`+generation+`"}}`))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	view := localtest.Until(w, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
	if view.Status != verify.Clean {
		t.Errorf("generation %s: %s %+v %+v", generation, view.Status, view.Report, view.Failure)
	}
}

// A rebuild asks before its promotion and is approved; then an operator goes back to the
// generation that was active before, which was kept in step, and forward again.
func TestAnOperatorApprovesAPromotionAndRollsBack(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	s := with(t, w)
	s.as("produce", "audit")
	if code, out, errs := s.run("send", "-", "--wait"); code != 0 {
		t.Fatalf("send: exit %d\n%s%s", code, out, errs)
	}
	s.tryEach([]try{{"operate", "replay start --name asked --rebuild --promote=ask", "asked is"}})
	asked := localtest.Until(w, "/replays/asked", func(v lifecycle.View) bool { return v.Status == replay.ShownAsking })
	if asked.Comparison == nil || asked.Comparison.Compared != 2 || asked.Comparison.Differing != 0 {
		t.Errorf("the comparison: %+v", asked.Comparison)
	}
	id := asked.Generation
	w.Send("/events", deposits(0, 10)) // both generations take them in while it waits
	s.tryEach([]try{
		{"audit", "generation list", "following"},
		{"audit", "generation show " + id, "asked"},
		{"audit", "generation diff " + id, "0 of 2"},
		{"operate", "generation promote " + id, "approved"},
	})
	end := localtest.Until(w, "/replays/asked", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || !end.Promoted {
		t.Fatalf("%s %+v", end.Status, end.Failure)
	}
	becomes(w, id, 30)
	s.tryEach([]try{{"operate audit", "generation rollback", "g0001 is active instead of " + id}})
	w.Send("/events", deposits(10, 20))
	becomes(w, "g0001", 40)
	equalsTheFold(t, w, "back", "g0001")
	s.tryEach([]try{{"operate", "generation promote " + id, id + " is active instead of g0001"}})
	becomes(w, id, 40)
	equalsTheFold(t, w, "again", id)
	s.as("operate")
	if code, _, errs := s.run("generation", "promote", id); code != 1 {
		t.Errorf("promoted twice: exit %d\n%s", code, errs)
	}
	s.tryEach([]try{{"operate", "generation drop g0001 --yes", "g0001 is dropped"}})
}
