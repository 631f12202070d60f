package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"flag"
	"io"
	"os"
	"time"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/progress"
	"reprise/pkg/local"
)

// App is the surroundings of a command: streams, environment, clock and
// platform. Tests replace the fields.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            func(string) string
	Now            func() time.Time
	Sleep          func(ctx context.Context, d time.Duration) error
	Random         io.Reader
	// RunLocal runs the platform on one machine until ctx ends.
	RunLocal func(ctx context.Context, o local.Options, stdout, stderr io.Writer) error
	// Exit ends the process when the local store cannot continue.
	Exit func(code int)
	// Open opens an input file.
	Open func(name string) (*os.File, error)
	// Commands are all commands, in the order in which help lists them.
	Commands []Command
}

// DefaultEndpoint is where a platform on this machine serves.
const DefaultEndpoint = "http://127.0.0.1:8787"

// EndpointVariable names the endpoint that applies without --endpoint.
const EndpointVariable = "REPRISE_ENDPOINT"

// How long a command retries while no server answers. Commands that are cheap to
// repeat give up soon.
const (
	ShortPatience = 3 * time.Second
	LongPatience  = time.Minute
)

// ClientFlags are the flags of every command that talks to a platform.
type ClientFlags struct {
	App      *App
	Endpoint string
	JSON     bool
}

// ClientFlags registers the flags in fs.
func (a *App) ClientFlags(fs *flag.FlagSet) *ClientFlags {
	f := &ClientFlags{App: a}
	fs.StringVar(&f.Endpoint, "endpoint", "", "address of the API (default $"+EndpointVariable+" or "+DefaultEndpoint+")")
	fs.BoolVar(&f.JSON, "json", false, "print JSON")
	return f
}

// Client returns a client that retries for patience and reports each retry to
// meter, which may be nil.
func (f *ClientFlags) Client(patience time.Duration, meter *progress.Meter) (*client.Client, error) {
	c, err := client.New(client.Options{
		Endpoint: cmp.Or(f.Endpoint, f.App.Env(EndpointVariable), DefaultEndpoint),
		Patience: patience,
		Now:      f.App.Now,
		Sleep:    f.App.Sleep,
		Retrying: func(err error, wait time.Duration) {
			meter.Note("%v; trying again in %s", err, wait.Round(100*time.Millisecond))
		},
	})
	if err != nil {
		return nil, Misuse("%v", err)
	}
	return c, nil
}

// NewApp returns the surroundings of a real process.
func NewApp(env func(string) string, stdin io.Reader, stdout, stderr io.Writer, commands []Command) *App {
	return &App{
		Stdin:    stdin,
		Stdout:   stdout,
		Stderr:   stderr,
		Env:      env,
		Now:      time.Now,
		Sleep:    client.Sleep,
		Random:   rand.Reader,
		RunLocal: local.Run,
		Exit:     os.Exit,
		Open:     os.Open,
		Commands: commands,
	}
}
