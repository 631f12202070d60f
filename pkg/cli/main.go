package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Main runs the command that args, without the program's name, ask for. It
// returns the exit code: 0 fine, 1 failed, 2 misuse. The end of ctx stops it
// cleanly.
func Main(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(env, stdin, stdout, stderr).main(ctx, args)
}

// command is one command. Setup registers its flags and returns what runs it.
type command struct {
	// name is one or two words.
	name    string
	args    string
	summary string
	// help explains it, examples included.
	help  string
	setup func(a *app, fs *flag.FlagSet) func(ctx context.Context, args []string) error
}

// commands lists every command in the order in which they are shown.
func commands() []command {
	return []command{
		demoCommand(), localCommand(), sendCommand(),
		replayStartCommand(), replayListCommand(), replayGetCommand(), replayWatchCommand(), replayCancelCommand(),
		stateGetCommand(), stateExportCommand(), stateWipeCommand(), eventsCommand(), statusCommand(),
		generateCommand(), doctorCommand(),
	}
}

func (a *app) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		a.printUsage(a.stderr, "")
		return exitMisuse
	}
	if slices.Contains([]string{"help", "--help", "-help", "-h"}, args[0]) {
		return a.help(strings.Join(args[1:], " "))
	}
	c, rest, found := find(args)
	if !found {
		return a.unknown(args)
	}
	err := a.run(ctx, c, rest)
	if errors.Is(err, flag.ErrHelp) {
		return a.help(c.name)
	}
	return a.report(c.name, err)
}

// find returns the command that args begin with, and the rest of them.
func find(args []string) (command, []string, bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

func (a *app) unknown(args []string) int {
	isGroup := slices.ContainsFunc(commands(), func(c command) bool { return strings.HasPrefix(c.name, args[0]+" ") })
	switch {
	case isGroup && len(args) > 1 && slices.Contains([]string{"--help", "-help", "-h"}, args[1]):
		return a.help(args[0])
	case isGroup && len(args) == 1:
		a.printUsage(a.stderr, args[0])
		return exitMisuse
	case isGroup:
		return a.report(args[0], misuse("there is no command %q of reprise %s", args[1], args[0]))
	}
	return a.report("", misuse("there is no command %q", args[0]))
}

func (a *app) run(ctx context.Context, c command, args []string) error {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	exec := c.setup(a, fs)
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	return exec(ctx, positional)
}

// parse allows flags before, between and behind the other arguments; behind
// "--" there are no flags.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var behind []string
	if at := slices.Index(args, "--"); at >= 0 {
		args, behind = args[:at], args[at+1:]
	}
	var positional []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, misuse("%v", err)
		}
		if fs.NArg() == 0 {
			return append(positional, behind...), nil
		}
		positional, args = append(positional, fs.Arg(0)), fs.Args()[1:]
	}
}

// report prints an error with what to do next, and returns the exit code.
func (a *app) report(name string, err error) int {
	if err == nil {
		return exitFine
	}
	title := strings.TrimSpace("reprise " + name)
	text := err.Error()
	var told *hinted // its own words say more
	if errors.Is(err, context.Canceled) && !errors.As(err, &told) {
		text = "interrupted"
	}
	_, _ = fmt.Fprintf(a.stderr, "%s: %s\n", title, text)
	if next := strings.TrimSpace(hintFor(name, err)); next != "" {
		_, _ = fmt.Fprintf(a.stderr, "hint: %s\n", next)
	}
	var wrong *misuseError
	if errors.As(err, &wrong) {
		return exitMisuse
	}
	return exitFailed
}

// one returns the only argument, which what names.
func one(args []string, what string) (string, error) {
	switch {
	case len(args) == 0 || args[0] == "":
		return "", misuse("%s is missing", what)
	case len(args) > 1:
		return "", misuse("one %s is enough: %q is too much", what, args[1])
	}
	return args[0], nil
}

// none refuses arguments.
func none(args []string) error {
	if len(args) > 0 {
		return misuse("%q is too much: the command takes flags only", args[0])
	}
	return nil
}
