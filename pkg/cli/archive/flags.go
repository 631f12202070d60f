package archive

import (
	"flag"
	"strings"

	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/cli/selection"
	"reprise/pkg/replay/request"
)

// copyFlags are those of the commands that copy the log, or part of it.
type copyFlags struct {
	*command.ClientFlags
	choose request.Request
	mask   maskFlags
}

// define defines the flags; what says what is done with the events that they select.
func (f *copyFlags) define(fs *flag.FlagSet, what string) {
	selection.Flags(fs, &f.choose, what)
	f.mask.define(fs)
}

// job is the export that the flags ask for, which has no place to go to yet, and the
// client of where it comes from.
func (f *copyFlags) job(meter *progress.Meter) (exportJob, *client.Client, error) {
	chosen, err := normalized(f.choose)
	if err != nil {
		return exportJob{}, nil, err
	}
	masker, masked, err := f.mask.load(f.App)
	if err != nil {
		return exportJob{}, nil, err
	}
	c, err := f.Client(command.LongPatience, meter)
	if err != nil {
		return exportJob{}, nil, err
	}
	return exportJob{app: f.App, from: c, choose: chosen, mask: masker, masked: masked, meter: meter}, c, nil
}

// normalized checks a selection.
func normalized(r request.Request) (request.Request, error) {
	n, err := r.Normalized()
	if err != nil {
		return request.Request{}, command.Misuse("%s",
			strings.TrimPrefix(err.Error(), request.ErrInvalid.Error()+": "))
	}
	return n, nil
}
