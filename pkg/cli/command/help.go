package command

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"strings"
)

const usageEnd = `
Commands but demo, local and generate take --json and where the platform is: --endpoint
URL (or $REPRISE_ENDPOINT), or for a deployment on AWS --region and --profile as the
AWS CLI takes them. Data goes to stdout, progress and errors to stderr.
Exit codes: 0 fine, 1 failed, 2 misuse, 3 a replay that selected no event.
"reprise help COMMAND" shows its flags and examples.
`

// usageWidth is how wide a command's usage may be beside its summary.
const usageWidth = 32

// flagColumn is where the usage of a flag begins.
const flagColumn = 25

// help prints the usage of a command, a group of commands ("replay"), or of
// everything ("").
func (a *App) help(name string) int {
	for _, c := range a.Commands {
		if c.Name == name {
			a.printCommand(a.Stdout, c)
			return ExitFine
		}
	}
	for _, c := range a.Commands {
		if name == "" || strings.HasPrefix(c.Name, name+" ") {
			a.printUsage(a.Stdout, name)
			return ExitFine
		}
	}
	return a.report("", a.noCommand(name))
}

func (a *App) printUsage(w io.Writer, group string) {
	var text bytes.Buffer
	text.WriteString("Reprise keeps a log of events and replays it.\n\nUsage:\n")
	for _, c := range a.Commands {
		if group == "" || strings.HasPrefix(c.Name, group+" ") {
			usage := c.usage()
			if len(usage) > usageWidth {
				usage += "\n" + strings.Repeat(" ", usageWidth+len("  reprise "))
			}
			fmt.Fprintf(&text, "  reprise %-*s %s\n", usageWidth, usage, c.Summary)
		}
	}
	text.WriteString(usageEnd)
	_, _ = w.Write(text.Bytes())
}

func (a *App) printCommand(w io.Writer, c Command) {
	var text bytes.Buffer
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	c.Setup(a, fs)
	fmt.Fprintf(&text, "Usage: reprise %s [flags]\n\n%s\n\nFlags:\n", c.usage(), strings.TrimSpace(c.Help))
	fs.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		line := strings.TrimSpace("--" + f.Name + " " + kind)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&text, "  %-22s %s\n", line, strings.ReplaceAll(usage, "\n", "\n"+strings.Repeat(" ", flagColumn)))
	})
	_, _ = w.Write(text.Bytes())
}
