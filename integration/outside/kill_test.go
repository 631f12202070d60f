package outside

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reprise/integration/process"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/outside"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// TestMain runs a platform with the sample service instead of the tests if the program is
// called as reprise local is, so that a test can kill it.
func TestMain(m *testing.M) {
	localtest.SideBySide()
	if len(os.Args) > 1 && os.Args[1] == "local" {
		if err := runLocal(os.Args[2:]); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runLocal(args []string) error {
	o := local.Options{Lanes: lanes, Shards: 2}
	var atMostOnce []string
	endpoints := make(map[string]string)
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.StringVar(&o.Dir, "data", "", "")
	flags.StringVar(&o.Addr, "addr", "", "")
	for _, name := range []string{standin.Mail, standin.Payments, standin.Rates} {
		flags.Func(name, "", func(value string) error {
			endpoints[name] = value
			return nil
		})
	}
	flags.Func("at-most-once", "", func(value string) error {
		atMostOnce = append(atMostOnce, value)
		return nil
	})
	slipped := flags.Bool("slipped", false, "")
	err := flags.Parse(args)
	if err != nil {
		return err
	}
	if o.Systems, err = outside.Systems(endpoints, os.Getenv); err != nil {
		return err
	}
	o.Service = hasty{corrected(!*slipped), atMostOnce}
	return local.Run(context.Background(), o, os.Stdout, os.Stderr)
}

// launch starts the platform as a process.
func launch(t *testing.T, dir string, server *standin.Server, flags ...string) (*process.Process, *localtest.Client) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, endpoint := range server.Endpoints() {
		flags = append(flags, "--"+name+"="+endpoint)
	}
	p := process.Launch(t, self, dir, flags...)
	return p, &localtest.Client{T: t, URL: p.URL, Stubborn: true}
}

// killer ends the process in the middle of calls: some are performed and have no answer yet,
// some are received and not performed.
type killer struct {
	calls atomic.Int64
	now   chan struct{}
}

// direct makes answers late, so that the process dies before it hears them, and says when
// it should: at every so many calls that are received for the first time.
func (k *killer) direct(every int64) func(call, key string, received int) standin.Mood {
	return func(_, key string, received int) standin.Mood {
		if key == "" || received > 0 {
			return standin.Mood{}
		}
		n := k.calls.Add(1)
		if n%every == 0 {
			select {
			case k.now <- struct{}{}:
			default:
			}
		}
		if n%2 == 0 {
			return standin.Mood{Stall: true}
		}
		return standin.Mood{Late: callLimit / 2}
	}
}

// strike kills the process in the middle of a call.
func (k *killer) strike(t *testing.T, p *process.Process) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-k.now:
		p.Kill()
	case <-late.C:
		t.Fatal("no call came")
	}
}

// The process is killed in the middle of calls, again and again, while a rebuild runs: the
// books say once in effect all the same.
func TestKilledInTheMiddleOfCalls(t *testing.T) {
	t.Parallel()
	const fresh, kills = 5, 5
	server, dir, k := standintest.Start(t), t.TempDir(), killer{now: make(chan struct{}, 1)}
	server.Direct(k.direct(4))
	p, c := launch(t, dir, server)
	accounts := 0
	for range kills {
		// Accounts without a call under way lead to calls at once.
		accounts += fresh
		for at := range steps {
			c.Send("/events", batch(at, accounts))
		}
		c.Call(http.MethodPost, "/replays", "application/json", // the same one each time
			[]byte(`{"name":"meanwhile","input":{"rebuild":true,"promote":true}}`))
		k.strike(t, p)
		p, c = launch(t, dir, server)
	}
	server.Direct(nil)
	await(t, server, "everything that is owed", complete(t, accounts, len(steps)))
	judge(t, server.Books(), accounts, len(steps))
	if got := localtest.Until(c, "/replays/meanwhile", func(v lifecycle.View) bool {
		return v.Status.Ended()
	}); got.Status != replay.Succeeded {
		t.Errorf("rebuild meanwhile: %s %+v", got.Status, got.Failure)
	}
}

// A system that knows no keys performs whatever it receives. What may happen once only is
// never received twice, killed in the middle or not; the rest is for a person to decide.
func TestKilledInTheMiddleOfWhatMayHappenOnceOnly(t *testing.T) {
	t.Parallel()
	const fresh, kills, upTo = 6, 4, 3 // up to the first fee
	server, dir, k := standintest.Start(t), t.TempDir(), killer{now: make(chan struct{}, 1)}
	direct := k.direct(3)
	server.Direct(func(call, key string, received int) standin.Mood {
		m := direct(call, key, received)
		m.Forgets = true
		return m
	})
	p, c := launch(t, dir, server, "--at-most-once=payments/charge")
	accounts := 0
	for range kills {
		accounts += fresh
		for at := range upTo {
			c.Send("/events", batch(at, accounts))
		}
		k.strike(t, p)
		p, c = launch(t, dir, server, "--at-most-once=payments/charge")
	}
	server.Direct(nil)
	server.Behave("", standin.Mood{Forgets: true})
	doubts := localtest.Until(c, "/effects/waiting?limit=1000", func(page outgoing.WaitingPage) bool {
		return settled(&page) && len(server.Books().Payments)+len(page.Waiting) >= accounts
	}).Waiting
	books := server.Books()
	for key, deed := range books.Deeds {
		if deed.Received != 1 || deed.Performed > 1 {
			t.Errorf("%s %s was received %d and performed %d times", deed.Call, key, deed.Received, deed.Performed)
		}
	}
	if len(doubts) < kills {
		t.Errorf("%d calls are in doubt after %d kills in the middle of one", len(doubts), kills)
	}
	// A person reads the books of the system, and says what happened.
	for i := range doubts {
		happened := slices.ContainsFunc(books.Payments, func(p standin.Payment) bool { return p.Account == doubts[i].Entity })
		body := fmt.Appendf(nil, `{"happened":%t,"reason":"the books say so"}`, happened)
		path := "/effects/" + web.EncodeEntity(doubts[i].Entity) + "/resume"
		if status, answer := c.Call(http.MethodPost, path, "application/json", body); status != http.StatusOK {
			t.Errorf("resume %s: %d %s", doubts[i].Entity, status, answer)
		}
	}
	localtest.Until(c, "/effects/waiting", func(page outgoing.WaitingPage) bool { return len(page.Waiting) == 0 })
	judge(t, server.Books(), accounts, upTo)
}

// settled reports whether everything that waits needs a person, since it is in doubt.
func settled(page *outgoing.WaitingPage) bool {
	return !slices.ContainsFunc(page.Waiting, func(h effects.Held) bool { return !h.Parked || !h.Doubt })
}
