package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/reversals"
	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// TestAReversalHasEffectsOfItsOwn: the preview says what was sent for the event and what
// follows from its reversal, then just that is sent, once, whether the event is undone by
// its inverse or the entity is folded again; and a comparison finds the same.
func TestAReversalHasEffectsOfItsOwn(t *testing.T) {
	t.Parallel()
	books := &effectstest.System{}
	service := &effectstest.Service{Code: 1,
		On:  []string{"account.deposited", "account.deposited.reversed", "account.opened.reversed"},
		May: []gateway.Call{{System: "books", Name: "told", Kind: gateway.Updating}},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			body, err := json.Marshal(map[string]any{"type": r.Event.Type, "before": r.Before, "after": r.After})
			if err != nil {
				return err
			}
			_, err = outside.Update(ctx, gateway.Effect{System: "books", Name: "told", Body: body})
			return err
		}}
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 1, Service: service,
		Systems: gateway.Systems{"books": books}})
	p.Settle(int64(p.Send("/events", withdrawals(1, 0))))
	told := func(n int) []string {
		localtest.Until(p, "/effects/waiting", func(page outgoing.WaitingPage) bool {
			return len(page.Waiting) == 0 && len(books.Done()) == n
		})
		var bodies []string
		for _, body := range books.Done() {
			bodies = append(bodies, string(body))
		}
		return bodies
	}
	told(1)
	reverse := func(id string, dryRun bool, want int) (made reversals.Reversing) {
		t.Helper()
		status, body := p.Call(http.MethodPost, "/entities/"+web.EncodeEntity("account-0")+"/reverse", "application/json",
			fmt.Appendf(nil, `{"source":"/t","id":%q,"reason":"r","dryRun":%t}`, id, dryRun))
		if status != want {
			t.Fatalf("%d %s", status, body)
		}
		if err := json.Unmarshal(body, &made); err != nil {
			t.Fatal(err)
		}
		return made
	}
	preview := reverse("0-1", true, http.StatusOK)
	if preview.Form != reversals.ByInverse || preview.Effects == nil || len(preview.Effects.Sent) != 1 ||
		len(preview.Effects.Wanted) != 1 || preview.Effects.Unknown != "" {
		t.Fatalf("%+v, %+v", preview, preview.Effects)
	}
	reverse("0-1", false, http.StatusAccepted)
	if bodies := told(2); !slices.Contains(bodies, string(preview.Effects.Wanted[0].Body)) {
		t.Errorf("told %v, foreseen %s", bodies, preview.Effects.Wanted[0].Body)
	}
	alone := json.RawMessage(`{"specversion":"1.0","id":"alone","source":"/t","type":"account.opened",` +
		`"subject":"account-9","data":{"owner":"o"}}`)
	p.Settle(int64(p.Send("/events", []json.RawMessage{alone})) + 3)
	status, body := p.Call(http.MethodPost, "/entities/"+web.EncodeEntity("account-9")+"/reverse", "application/json",
		[]byte(`{"source":"/t","id":"alone","reason":"r"}`))
	if status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	want := `{"after":null,"before":{"owner":"o","open":true,"balance":0},"type":"account.opened.reversed"}`
	if bodies := told(3); !slices.Contains(bodies, want) {
		t.Errorf("told %v, want %s", bodies, want)
	}
	if view := p.Replay("compare", `{"rebuild":true,"effects":"diff"}`); view.Status != replay.Succeeded {
		t.Fatalf("%+v", view)
	}
	compared := localtest.Until(p, "/comparisons/compare", func(c outgoing.Comparison) bool { return c.Complete })
	if len(compared.Counts) != 1 || compared.Counts[effects.Same] != 3 {
		t.Errorf("%v: %+v", compared.Counts, compared.Differences)
	}
}
