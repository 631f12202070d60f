package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/console"
	"reprise/pkg/local"
	"reprise/pkg/local/emulate"
)

const consoleHelp = `
Serves the console of a deployment on this machine, for your browser: the same pages
as reprise local has. It sends the requests of the pages on to the deployment's API
with your credentials, so the deployment offers nothing that it did not offer before,
and the pages show what your role may see. Whoever can use this machine's loopback
addresses meanwhile acts with your credentials.

The pages ask every few seconds, because an HTTP API of API Gateway cannot tell what
changes.

Examples:
  reprise console --region eu-west-1
  reprise console --region eu-west-1 --stack-prefix orders --addr 127.0.0.1:0
`

// consoleAddr is where a console is served unless the operator says otherwise.
const consoleAddr = "127.0.0.1:8789"

// consoleClose is how long open requests may take after the end of ctx.
const consoleClose = 2 * time.Second

func consoleCommand() command.Command {
	return command.Command{
		Name:    "console",
		Summary: "serve the web pages of a deployment for your browser",
		Help:    consoleHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			f := a.ClientFlags(fs)
			addr := fs.String("addr", consoleAddr, "loopback `ADDRESS` to serve on")
			return func(ctx context.Context, _ string) error {
				if err := local.CheckAddr(*addr); err != nil {
					return command.Misuse("--addr: %v", err)
				}
				c, err := f.Client(command.ShortPatience, nil)
				if err != nil {
					return err
				}
				pages, err := console.New(&forwarder{c}, console.About{Platform: deploymentOf(f), Flags: flagsOf(f)})
				if err != nil {
					return err
				}
				return serveConsole(ctx, pages, *addr, a.Stdout, a.Stderr)
			}
		},
	}
}

// deploymentOf names the platform of the pages.
func deploymentOf(f *command.ClientFlags) string {
	name := cmp.Or(f.Prefix, f.Endpoint, "reprise")
	if f.Region != "" {
		name += " in " + f.Region
	}
	return name
}

// flagsOf are the flags with which another command reaches the same platform. They never
// show a token.
func flagsOf(f *command.ClientFlags) string {
	var all []string
	for _, one := range []struct{ name, value string }{
		{"endpoint", f.Endpoint}, {"region", f.Region}, {"profile", f.Profile}, {"stack-prefix", f.Prefix},
	} {
		if one.value != "" {
			all = append(all, "--"+one.name+" "+one.value)
		}
	}
	return strings.Join(all, " ")
}

// serveConsole serves pages on a loopback address until ctx ends.
func serveConsole(ctx context.Context, pages http.Handler, addr string, stdout, stderr io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return command.Hint(fmt.Errorf("listen: %w", err), "choose another --addr; 127.0.0.1:0 takes any free port")
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	server := emulate.Server(pages, nil, log)
	return emulate.ServeUntil(ctx, server, listener, consoleClose, func() {
		_, _ = fmt.Fprintf(stdout, "console http://%s/\n", listener.Addr())
	})
}

// forwarder sends requests on to the API of a deployment, with the operator's
// credentials.
type forwarder struct{ client *client.Client }

// ServeHTTP implements http.Handler. It passes on nothing of the browser's but what the
// API reads.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/live" {
		web.NewProblem(http.StatusNotFound, "no-route", "there is no live feed here: ask every few seconds").Write(w)
		return
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, web.MaxBodyBytes)); err != nil {
			web.NewProblem(http.StatusBadRequest, "malformed-request", "the request's body could not be read").Write(w)
			return
		}
	}
	header := http.Header{}
	if kind := r.Header.Get("Content-Type"); kind != "" {
		header.Set("Content-Type", kind)
	}
	answer, err := f.client.Forward(r.Context(), r.Method, r.URL.RequestURI(), header, body)
	if err != nil {
		web.NewProblem(http.StatusBadGateway, "no-answer", err.Error()).Write(w)
		return
	}
	for _, name := range []string{"Content-Type", "Cache-Control", "Retry-After"} {
		if value := answer.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // it fails only if the browser is gone
}
