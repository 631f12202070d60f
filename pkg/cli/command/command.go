package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Command is one command.
type Command struct {
	// Name is one or two words.
	Name    string
	Args    string
	Summary string
	// Help explains the command, with examples.
	Help string
	// Setup registers the flags in fs and returns what runs the command.
	Setup func(a *App, fs *flag.FlagSet) func(ctx context.Context, args []string) error
}

// Main runs the command that args, without the program's name, ask for. It
// returns the exit code. The end of ctx stops the command cleanly.
func (a *App) Main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		a.printUsage(a.Stderr, "")
		return ExitMisuse
	}
	if slices.Contains([]string{"help", "--help", "-help", "-h"}, args[0]) {
		return a.help(strings.Join(args[1:], " "))
	}
	c, rest, found := a.find(args)
	if !found {
		return a.unknown(args)
	}
	err := a.Run(ctx, c, rest)
	if errors.Is(err, flag.ErrHelp) {
		return a.help(c.Name)
	}
	return a.report(c.Name, err)
}

// find returns the command that args begin with, and the remaining args.
func (a *App) find(args []string) (Command, []string, bool) {
	for _, c := range a.Commands {
		words := strings.Fields(c.Name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], true
		}
	}
	return Command{}, nil, false
}

func (a *App) unknown(args []string) int {
	isGroup := slices.ContainsFunc(a.Commands, func(c Command) bool { return strings.HasPrefix(c.Name, args[0]+" ") })
	switch {
	case isGroup && len(args) > 1 && slices.Contains([]string{"--help", "-help", "-h"}, args[1]):
		return a.help(args[0])
	case isGroup && len(args) == 1:
		a.printUsage(a.Stderr, args[0])
		return ExitMisuse
	case isGroup:
		return a.report(args[0], Misuse("there is no command %q of reprise %s", args[1], args[0]))
	}
	return a.report("", Misuse("there is no command %q", args[0]))
}

func (a *App) Run(ctx context.Context, c Command, args []string) error {
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	exec := c.Setup(a, fs)
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
			return nil, Misuse("%v", err)
		}
		if fs.NArg() == 0 {
			return append(positional, behind...), nil
		}
		positional, args = append(positional, fs.Arg(0)), fs.Args()[1:]
	}
}

// report prints an error with what to do next, and returns the exit code.
func (a *App) report(name string, err error) int {
	if err == nil {
		return ExitFine
	}
	title := strings.TrimSpace("reprise " + name)
	text := err.Error()
	var told *hinted // its own words say more
	if errors.Is(err, context.Canceled) && !errors.As(err, &told) {
		text = "interrupted"
	}
	_, _ = fmt.Fprintf(a.Stderr, "%s: %s\n", title, text)
	if next := strings.TrimSpace(HintFor(name, err)); next != "" {
		_, _ = fmt.Fprintf(a.Stderr, "hint: %s\n", next)
	}
	var wrong *MisuseError
	if errors.As(err, &wrong) {
		return ExitMisuse
	}
	return ExitFailed
}

// OneArg returns the only argument, which what names.
func OneArg(args []string, what string) (string, error) {
	switch {
	case len(args) == 0 || args[0] == "":
		return "", Misuse("%s is missing", what)
	case len(args) > 1:
		return "", Misuse("one %s is enough: %q is too much", what, args[1])
	}
	return args[0], nil
}

// NoArgs refuses arguments.
func NoArgs(args []string) error {
	if len(args) > 0 {
		return Misuse("%q is too much: the command takes flags only", args[0])
	}
	return nil
}
