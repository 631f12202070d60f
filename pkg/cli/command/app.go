package command

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"time"

	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/printable"
	"reprise/pkg/local"
)

// App is the surroundings of a command: streams, environment, clock and
// platform. Tests replace the fields. Stderr, and Stdout if it is a terminal, quote
// what a terminal might obey instead of showing it.
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
	// HTTP sends requests to a platform; nil means a client of the package's own.
	HTTP *http.Client
	// AWS returns what reaches a deployment on AWS.
	AWS func(o apiaccess.Options) Cloud
	// Commands are all commands, in the order in which help lists them.
	Commands []Command
	// values are the arguments after the first of the command that runs.
	values []string
}

// Value is the second argument of a command that takes one.
func (a *App) Value() string { return a.values[0] }

// Values are the arguments after the first, as many as Command.Value names.
func (a *App) Values() []string { return a.values }

// How long a command retries while no server answers. Commands that are cheap to
// repeat give up soon.
const (
	ShortPatience = 3 * time.Second
	LongPatience  = time.Minute
)

// NewApp returns the surroundings of a real process.
func NewApp(env func(string) string, stdin io.Reader, stdout, stderr io.Writer, commands []Command) *App {
	if printable.IsTerminal(stdout) {
		stdout = printable.NewWriter(stdout)
	}
	return &App{
		Stdin:    stdin,
		Stdout:   stdout,
		Stderr:   printable.NewWriter(stderr),
		Env:      env,
		Now:      time.Now,
		Sleep:    client.Sleep,
		Random:   rand.Reader,
		RunLocal: local.Run,
		Exit:     os.Exit,
		Open:     os.Open,
		AWS:      func(o apiaccess.Options) Cloud { return apiaccess.New(o) },
		Commands: commands,
	}
}
