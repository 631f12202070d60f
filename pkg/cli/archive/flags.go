package archive

import (
	"errors"
	"flag"
	"strings"
	"time"

	"reprise/pkg/cli/command"
	"reprise/pkg/replay/request"
)

// selectFlags defines the flags that select events.
func selectFlags(fs *flag.FlagSet, r *request.Request) {
	fs.Var(timeFlag{&r.From}, "from", "first logged `TIME`, as 2026-03-01T00:00:00Z")
	fs.Var(timeFlag{&r.To}, "to", "first logged `TIME` that is left out")
	fs.Var(listFlag{&r.Types}, "type", "event `TYPE`; may be given several times")
	fs.Var(listFlag{&r.Entities}, "entity", "`ENTITY`; may be given several times")
	fs.Var(listFlag{&r.Prefixes}, "entity-prefix",
		"`TEXT` with which the ids of entities begin; may be given several times")
	fs.Var(attributeFlag{&r.Attribute}, "attribute", "extension attribute of the events, as `NAME=VALUE`")
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

// timeFlag is a time; a bare date is midnight in UTC. An empty value is refused.
type timeFlag struct{ into **time.Time }

func (f timeFlag) String() string { return "" }

func (f timeFlag) Set(text string) error {
	t, err := request.ParseTime(text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		return errors.New("expected a time such as 2026-03-01T00:00:00Z")
	}
	*f.into = &t
	return nil
}

// listFlag is a flag that may be given several times.
type listFlag struct{ into *[]string }

func (l listFlag) String() string { return "" }

func (l listFlag) Set(text string) error {
	if text == "" {
		return errors.New("must not be empty")
	}
	*l.into = append(*l.into, text)
	return nil
}

// attributeFlag is a name and a value.
type attributeFlag struct{ into **request.Attribute }

func (f attributeFlag) String() string { return "" }

func (f attributeFlag) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return errors.New("expected a name and a value such as tenant=acme")
	}
	if *f.into != nil {
		return errors.New("is given twice")
	}
	*f.into = &request.Attribute{Name: name, Value: value}
	return nil
}
