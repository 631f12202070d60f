package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/progress"
	"reprise/pkg/local"
)

// app is what commands work with. Tests put in a clock that does not wait.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	now            func() time.Time
	sleep          func(ctx context.Context, d time.Duration) error
	random         io.Reader
	// runLocal runs the platform on one machine until ctx ends.
	runLocal func(ctx context.Context, o local.Options, stdout, stderr io.Writer) error
	// open opens an input file.
	open func(name string) (*os.File, error)
}

// DefaultEndpoint is where a platform on this machine serves.
const DefaultEndpoint = "http://127.0.0.1:8787"

// endpointVariable names the endpoint where --endpoint does not.
const endpointVariable = "REPRISE_ENDPOINT"

// The patience of commands with a server that does not answer: what can be
// typed again soon gives up soon.
const (
	shortPatience = 3 * time.Second
	longPatience  = time.Minute
)

// clientFlags are those of every command that talks to a platform.
type clientFlags struct {
	app      *app
	endpoint string
	json     bool
}

func (a *app) clientFlags(fs *flag.FlagSet) *clientFlags {
	f := &clientFlags{app: a}
	fs.StringVar(&f.endpoint, "endpoint", "", "address of the API (default $"+endpointVariable+" or "+DefaultEndpoint+")")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	return f
}

// client returns a client that tells meter, which may be nil, of retries.
func (f *clientFlags) client(patience time.Duration, meter *progress.Meter) (*client.Client, error) {
	endpoint := f.endpoint
	if endpoint == "" {
		endpoint = f.app.env(endpointVariable)
	}
	if endpoint == "" {
		endpoint = DefaultEndpoint
	}
	c, err := client.New(client.Options{Endpoint: endpoint, Patience: patience, Now: f.app.now, Sleep: f.app.sleep,
		Retrying: func(err error, wait time.Duration) {
			meter.Note("%v; trying again in %s", err, wait.Round(100*time.Millisecond))
		}})
	if err != nil {
		return nil, misuse("%v", err)
	}
	return c, nil
}

// chooseName names a replay that nobody named: by time, so that lists are in
// order. It is chosen here, so that a request can be repeated without starting
// a second replay.
func (a *app) chooseName() (string, error) {
	var random [4]byte
	if _, err := io.ReadFull(a.random, random[:]); err != nil {
		return "", fmt.Errorf("choose replay name: %w", err)
	}
	return a.now().UTC().Format("20060102-150405-") + hex.EncodeToString(random[:]), nil
}

func newApp(env func(string) string, stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env, now: time.Now, sleep: client.Sleep,
		random: rand.Reader, runLocal: local.Run, open: os.Open}
}
