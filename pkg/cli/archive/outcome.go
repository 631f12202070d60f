package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"reprise/pkg/api/web"
	"reprise/pkg/archive"
	"reprise/pkg/cli/command"
)

func (r *imported) warn(a *command.App) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(a.Stderr, "warning: "+format+"\n", args...) }
	if r.Known {
		say("the log had events of this export already: those are recorded again as duplicates, and not applied")
	}
	if more := r.Arrived - r.Events; more > 0 {
		say("%d more events came into the log meanwhile: sent twice because of an interruption, and then not "+
			"applied again, or sent by others", more)
	}
	if r.Moved > 0 {
		say("%d events lie in a later time range than in the log they come from, because their lanes already had "+
			"later events", r.Moved)
	}
}

func explainImport(err error) error {
	newer, isNewer := errors.AsType[*archive.NewerFormat](err)
	problem, refused := errors.AsType[*web.Problem](err)
	switch {
	case isNewer:
		return command.Hint(newer, "nothing was sent: import it with the release that exported it, or a later one")
	case errors.Is(err, fs.ErrNotExist):
		return command.Misuse("%v", err)
	case errors.Is(err, archive.ErrDamaged):
		return command.Hint(err, "nothing was sent: copy the export again, or export again")
	case errors.Is(err, errOtherImport):
		return command.Hint(err, "finish that import first, or remove its file *%s", journalEnd)
	case errors.Is(err, context.Canceled):
		return command.Hint(errors.New("interrupted"), "run the same command again: it goes on where it was")
	case refused && problem.Status < 500:
		return command.Hint(err, "%s; then run the same command again: it goes on where it was",
			cmp.Or(command.HintFor("import", err), "the platform may be of an earlier release than this command"))
	}
	return err
}
