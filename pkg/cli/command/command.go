package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"reprise/pkg/cli/printable"
)

// Command is one command.
type Command struct {
	// Name is one or two words.
	Name string
	// Arg names the one positional argument, "" where the command takes none.
	Arg string
	// Value names the positional arguments after the first, which App.Value and
	// App.Values return; "" where the command takes none.
	Value string
	// Flags are the flags that must be given, as the usage shows them.
	Flags   string
	Summary string
	// Help explains the command, with examples.
	Help string
	// Check refuses an unacceptable argument; nil accepts every argument.
	Check func(arg string) error
	// Setup registers the flags in fs and returns what runs the command.
	Setup func(a *App, fs *flag.FlagSet) Exec
}

// Exec runs a command with its argument, "" where the command takes none.
type Exec func(ctx context.Context, arg string) error

// group is the first of two words, otherwise "".
func (c *Command) group() string {
	group, _, two := strings.Cut(c.Name, " ")
	if !two {
		return ""
	}
	return group
}

func (c *Command) usage() string {
	return strings.Join(strings.Fields(c.Name+" "+c.Arg+" "+c.Value+" "+c.Flags), " ")
}

// Main runs the command that args, without the program's name, ask for. It
// returns the exit code. The end of ctx stops the command cleanly.
func (a *App) Main(ctx context.Context, args []string) int {
	code := a.main(ctx, args)
	for _, w := range []io.Writer{a.Stdout, a.Stderr} {
		if quoting, ok := w.(*printable.Writer); ok {
			_ = quoting.Flush() // a part of a character is no result
		}
	}
	return code
}

func (a *App) main(ctx context.Context, args []string) int {
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
		return a.report(args[0], a.noCommand(args[0]+" "+args[1]))
	}
	return a.report("", a.noCommand(args[0]))
}

func (a *App) noCommand(name string) error {
	return Misuse("there is no command %q%s", name, didYouMean(name, "reprise ", a.names()))
}

// Run parses args, without the name of c, and runs c.
func (a *App) Run(ctx context.Context, c Command, args []string) error {
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	exec := c.Setup(a, fs)
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if names := strings.Fields(c.Value); len(names) > 0 && len(positional) > 0 {
		given := len(positional) - 1
		if given < len(names) {
			return Misuse("missing argument %s", names[given])
		}
		a.values, positional = positional[1:len(names)+1], append(positional[:1:1], positional[len(names)+1:]...)
	}
	arg, err := argument(c, positional)
	if err != nil {
		return err
	}
	return exec(ctx, arg)
}

// parse returns the positional arguments. Flags may stand before, between and
// after them; everything after "--" is positional.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	if at := slices.Index(args, "--"); at >= 0 {
		args, rest = args[:at], args[at+1:]
	}
	var positional []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, Misuse("%v%s", err, likeFlag(fs, err))
		}
		if fs.NArg() == 0 {
			return append(positional, rest...), nil
		}
		positional, args = append(positional, fs.Arg(0)), fs.Args()[1:]
	}
}

// likeFlag asks whether a flag that is not defined is another one, mistyped.
func likeFlag(fs *flag.FlagSet, err error) string {
	name, undefined := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !undefined {
		return ""
	}
	var flags []string
	fs.VisitAll(func(f *flag.Flag) { flags = append(flags, f.Name) })
	return didYouMean(name, "--", flags)
}

// report prints an error with what to do next, and returns the exit code.
func (a *App) report(name string, err error) int {
	if err == nil {
		return ExitFine
	}
	if errors.Is(err, ErrDiffer) {
		return ExitFailed // what was printed says all
	}
	title := strings.TrimSpace("reprise " + name)
	text := err.Error()
	// The text of an error with a hint says more than "interrupted".
	if _, hinted := errors.AsType[*hinted](err); errors.Is(err, context.Canceled) && !hinted {
		text = "interrupted"
	}
	_, _ = fmt.Fprintf(a.Stderr, "%s: %s\n", title, text)
	if next := strings.TrimSpace(HintFor(name, err)); next != "" {
		_, _ = fmt.Fprintf(a.Stderr, "hint: %s\n", next)
	}
	_, misused := errors.AsType[*MisuseError](err)
	if _, trouble := errors.AsType[*trouble](err); misused || trouble {
		return ExitMisuse
	}
	if errors.Is(err, ErrNothing) {
		return ExitNothing
	}
	return ExitFailed
}

// argument returns the argument of c, "" where c takes none.
func argument(c Command, args []string) (string, error) {
	switch {
	case c.Arg == "" && len(args) > 0:
		return "", Misuse("unexpected argument %q: the command takes only flags", args[0])
	case c.Arg == "":
		return "", nil
	case len(args) == 0 || args[0] == "":
		return "", Misuse("missing argument %s", c.Arg)
	case len(args) > 1:
		return "", Misuse("expected one %s, got an extra argument %q", c.Arg, args[1])
	case c.Check == nil:
		return args[0], nil
	}
	return args[0], c.Check(args[0])
}
