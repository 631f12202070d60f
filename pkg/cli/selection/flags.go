package selection

import (
	"errors"
	"flag"
	"strings"
	"time"

	"reprise/pkg/replay/request"
)

// Flags defines a flag for every member of a replay's input that selects events.
// what says what is done with them, such as "to replay".
func Flags(fs *flag.FlagSet, r *request.Request, what string) {
	fs.Var(timeFlag{&r.From}, "from", "first logged `TIME`, as 2026-03-01T00:00:00Z")
	fs.Var(timeFlag{&r.To}, "to", "first logged `TIME` that is left out")
	fs.Var(listFlag{&r.Types}, "type", "event `TYPE` "+what+"; may be given several times")
	fs.Var(listFlag{&r.Entities}, "entity", "`ENTITY` "+what+"; may be given several times")
	fs.Var(listFlag{&r.Prefixes}, "prefix",
		"`TEXT` with which the ids of entities "+what+" begin;\nmay be given several times")
	fs.Var(listFlag{&r.Prefixes}, "entity-prefix", "the same as --prefix")
	fs.Var(attributeFlag{&r.Attribute}, "attribute", "extension attribute of the events "+what+", as `NAME=VALUE`")
}

// timeFlag is a time. An empty value is refused, not ignored: otherwise a variable
// that a script never set would replay everything.
type timeFlag struct{ into **time.Time }

func (f timeFlag) String() string { return "" }

func (f timeFlag) Set(text string) (err error) {
	*f.into, err = parseTime(text)
	return err
}

// parseTime reads a time as the API does; a bare date is midnight in UTC.
func parseTime(text string) (*time.Time, error) {
	if t, err := request.ParseTime(text); err == nil {
		return &t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return &t, nil
	}
	return nil, errors.New("expected a time such as 2026-03-01T00:00:00Z")
}

// Instant is a flag of a time that the API reads itself, for which a bare date is midnight
// in UTC.
type Instant struct{ Into *string }

// String is empty: no time is the default.
func (i Instant) String() string { return "" }

// Set takes the flag's text.
func (i Instant) Set(text string) error {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		text += "T00:00:00Z"
	}
	*i.Into = text
	return nil
}

// listFlag is a flag that may be given several times.
type listFlag struct{ into *[]string }

func (l listFlag) String() string { return "" }

func (l listFlag) Set(text string) error {
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
