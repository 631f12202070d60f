package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"strings"
)

const usageEnd = `
Commands but demo, local and generate take --endpoint URL (or $REPRISE_ENDPOINT) and
--json. Data goes to stdout, progress and errors to stderr.
Exit codes: 0 fine, 1 failed, 2 misuse.
"reprise help COMMAND" shows its flags and examples.
`

// help prints the usage of a command, a group of commands ("replay"), or of
// everything ("").
func (a *app) help(name string) int {
	for _, c := range commands() {
		if c.name == name {
			a.printCommand(a.stdout, c)
			return exitFine
		}
	}
	for _, c := range commands() {
		if name == "" || strings.HasPrefix(c.name, name+" ") {
			a.printUsage(a.stdout, name)
			return exitFine
		}
	}
	return a.report("", misuse("there is no command %q", name))
}

func (a *app) printUsage(w io.Writer, group string) {
	var text bytes.Buffer
	text.WriteString("Reprise keeps a log of events and replays it.\n\nUsage:\n")
	for _, c := range commands() {
		if group == "" || strings.HasPrefix(c.name, group+" ") {
			fmt.Fprintf(&text, "  reprise %-30s %s\n", strings.TrimSpace(c.name+" "+c.args), c.summary)
		}
	}
	text.WriteString(usageEnd)
	_, _ = w.Write(text.Bytes())
}

func (a *app) printCommand(w io.Writer, c command) {
	var text bytes.Buffer
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setup(a, fs)
	fmt.Fprintf(&text, "Usage: reprise %s [flags]\n\n%s\n\nFlags:\n",
		strings.TrimSpace(c.name+" "+c.args), strings.TrimSpace(c.help))
	fs.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		line := strings.TrimSpace("--" + f.Name + " " + kind)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&text, "  %-22s %s\n", line, usage)
	})
	_, _ = w.Write(text.Bytes())
}
