package erasure

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"reprise/pkg/cli"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/personal/sealed"
	"reprise/pkg/projection"
)

// childVariable makes this program the command line of a platform with a domain that has
// personal fields.
const childVariable = "REPRISE_ERASURE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "local" {
		if err := serve(ctx, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// serve is reprise local with the domain of the test, and with every log line.
func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	dir, addr := flags.String("data", "", ""), flags.String("addr", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return local.Run(ctx, local.Options{
		Dir: *dir, Addr: *addr, Lanes: 4, ReserveBytes: 1,
		Projections: []projection.Projection{customers(), orders()},
		Personal:    rules(),
		Service:     writing(),
		Systems:     gateway.Systems{"mail": postman{}},
		Log:         slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, os.Stdout, os.Stderr)
}

const (
	registered = "customer.registered"
	changed    = "customer.changed"
	ordered    = "order.placed"
)

// rules declare fields of the entity itself, and fields that are about somebody else than
// the entity, in an array and below any name.
func rules() sealed.Rules {
	return sealed.Rules{
		registered: {Fields: []string{"/name", "/contacts/*/value"}},
		changed:    {Fields: []string{"/name"}},
		ordered:    {Fields: []string{"/customer", "/address"}, Subject: "/customer"},
	}
}

// writing sends what it knows of a customer by mail, so that the effects log has it, too.
func writing() gateway.Service {
	call := gateway.Call{System: "mail", Name: "changed", Kind: gateway.Updating}
	return &effectstest.Service{Code: 1, On: []string{registered, ordered}, May: []gateway.Call{call},
		Do: func(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "changed", Body: r.After})
			return err
		}}
}

// postman takes mails whose personal values are readable, and keeps nothing.
type postman struct{}

func (postman) Do(_ context.Context, r *gateway.Request) ([]byte, error) {
	if bytes.Contains(r.Body, []byte("$personal")) {
		return nil, &gateway.Declined{Status: 422}
	}
	return nil, nil
}

type customer struct {
	Name     json.RawMessage   `json:"name"`
	Contacts []json.RawMessage `json:"contacts"`
	Note     string            `json:"note"`
	Changes  int               `json:"changes"`
}

func customers() projection.Projection {
	return projection.New("customers", 1, []string{registered, changed},
		func(c customer, e *event.Event) (customer, error) {
			var data struct {
				Name     json.RawMessage   `json:"name"`
				Contacts []json.RawMessage `json:"contacts"`
				Note     string            `json:"note"`
			}
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
				return c, err
			}
			if e.Type == registered {
				c.Contacts, c.Note = data.Contacts, data.Note
			}
			c.Name = data.Name
			c.Changes++
			return c, nil
		})
}

func orders() projection.Projection {
	return projection.New("orders", 1, []string{ordered},
		func(_ json.RawMessage, e *event.Event) (json.RawMessage, error) {
			return json.RawMessage(e.Data), nil
		})
}
