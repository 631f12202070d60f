package scenarios

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"reprise/integration/deployed"
	"reprise/integration/programs"
	"reprise/pkg/api"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/aws/settings"
	"reprise/pkg/effects"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// withService are the functions whose code depends on the service.
func withService() []string {
	return []string{"serve-api", "run-microservice", "retry-effects", "plan-replay", "apply-playback", "keep-consumers"}
}

// build compiles every function, those that need it with the sample service and a fee in
// thousandths, as a version of its own.
func build(t *testing.T, version, fee int) string {
	t.Helper()
	const service = "pkg/domain/service.go"
	source, err := os.ReadFile(filepath.Join(programs.Root(), service))
	if err != nil {
		t.Fatal(err)
	}
	return deployed.BuildChanged(t, []programs.Edit{{
		File: service,
		Old:  string(source),
		New: fmt.Sprintf(`package domain

import (
	"reprise/pkg/domain/samples"
	"reprise/pkg/gateway"
	"reprise/pkg/projection/dated"
)

func Service() gateway.Service { return samples.NotificationsWith(%d, dated.Always[int64](%d)) }
`, version, fee),
	}}, withService()...)
}

// begin deploys a version of the service, which reaches the stand-in.
func begin(t *testing.T, server *standin.Server, programs string) *deployed.World {
	t.Helper()
	described := deployed.Synthesize(t, map[string]any{deployed.WithService: true})
	endpoints, err := json.Marshal(server.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	for i := range described.Functions {
		f := &described.Functions[i]
		if _, reaches := f.Environment[settings.EnvSystems]; reaches {
			f.Environment = maps.Clone(f.Environment)
			f.Environment[settings.EnvSystems] = string(endpoints)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := deployed.Start(t, deployed.Options{Prefix: "reprise", Deployment: described, Programs: programs, Seed: seed})
	localtest.Until(w, "/generations", func(view api.GenerationsView) bool { return view.Active != "" })
	return w
}

// withdrawing accounts are opened, and each withdraws an amount in another currency, twice.
const withdrawing = 12

func withdrawals() (events []json.RawMessage) {
	for i := range withdrawing {
		for n, data := range []string{`{"owner":"Ada","overdraft":1000000}`, `{"amount":100000,"currency":"USD"}`,
			`{"amount":200000,"currency":"CHF"}`} {
			kind := "withdrawn"
			if n == 0 {
				kind = "opened"
			}
			events = append(events, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d-%d","source":"bank",`+
				`"type":"account.%s","subject":"account-%d","time":"2026-02-0%dT08:00:00Z","data":%s}`, i, n, kind, i, n+1, data)))
		}
	}
	return events
}

// charged is what the books say of all payments: refunds are negative.
func charged(b standin.Books) (sum int64) {
	for _, p := range b.Payments {
		sum += p.Cents
	}
	return sum
}

// TestEffectsOfADeployment: each update once, killed in the middle and with answers that get
// lost; none from a replay; and the difference that a mended fee makes is sent once approved.
func TestEffectsOfADeployment(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds every function and synthesizes the stacks")
	}
	server := standintest.Start(t)
	server.Direct(func(_, key string, received int) standin.Mood {
		if key != "" && received == 0 && key[0] < '4' {
			return standin.Mood{Drop: true} // it is performed, and the answer gets lost
		}
		return standin.Mood{}
	})
	w := begin(t, server, build(t, 1, 30))
	w.Kill(deployed.Kill{Folder: "run-microservice", Service: "dynamodb", Target: "reprise-effects", Nth: 30, Times: 2})
	w.Send("/events", withdrawals())
	w.SettleRows(3 * withdrawing)
	const updates = 3 * withdrawing // two fees and a mail for each
	localtest.Until(w, "/effects/waiting", func(page outgoing.WaitingPage) bool {
		books := server.Books()
		return len(page.Waiting) == 0 && books.Performed() == updates
	})
	wrong := charged(server.Books())
	if w.Killed()["run-microservice"] == 0 {
		t.Error("run-microservice was never killed while it worked")
	}

	w.DeployCode(build(t, 2, 20))
	if got := w.Replay("fees", `{"rebuild":true,"effects":"diff"}`); got.Status != replay.Succeeded {
		t.Fatalf("%+v, failure %+v", got, got.Failure)
	}
	page := localtest.Until(w, "/comparisons/fees", func(c outgoing.Comparison) bool { return c.Complete })
	if page.Counts[effects.Changed] != 2*withdrawing || page.Counts[effects.Same] != withdrawing || len(page.Counts) != 2 {
		t.Fatalf("%v: %+v", page.Counts, page.Differences)
	}
	if books := server.Books(); books.Performed() != updates {
		t.Fatalf("a replay has sent: %d updates", books.Performed())
	}
	w.Kill(deployed.Kill{Folder: "retry-effects", Service: "dynamodb", Target: "reprise-effects", Nth: 25, Times: 2})
	approve(t, w)
	localtest.Until(w, "/comparisons/fees", func(c outgoing.Comparison) bool {
		return len(c.Approvals) == 1 && c.Approvals[0].Ended != nil
	})
	books := server.Books()
	// Every fee was charged at 30 thousandths, refunded, and charged at 20.
	if got, want := charged(books), wrong/3*2; got != want || books.Performed() != updates+4*withdrawing {
		t.Errorf("charged %d, want %d; %d updates", got, want, books.Performed())
	}
	if w.Killed()["retry-effects"] == 0 {
		t.Error("retry-effects was never killed while it worked")
	}
}

// approve needs a permission of its own.
func approve(t *testing.T, w *deployed.World) {
	t.Helper()
	for _, c := range []struct {
		key  aws.Credentials
		want int
	}{{deployed.Key("operate", "audit", "trace"), http.StatusForbidden}, {deployed.Key("approve"), http.StatusAccepted}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/comparisons/fees/approve",
			strings.NewReader(`{"reason":"wrong fee","rate":100}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := deployed.SignedBy(c.key).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.Body.Close() != nil || response.StatusCode != c.want {
			t.Fatalf("approve with %s: %d %s, %v", c.key.AccessKeyID, response.StatusCode, body, err)
		}
	}
}
