package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Kind tells whether a call changes something outside.
type Kind string

// The kinds of calls.
const (
	// Updating calls change something in the external system.
	Updating Kind = "update"
	// Asking calls change nothing there.
	Asking Kind = "query"
)

// Call declares one kind of call to an external system. What is not declared is refused.
type Call struct {
	// System and Name say where to do what, as in "mail", "welcome": lower-case letters,
	// digits, dots and hyphens, at most 64 bytes each.
	System, Name string
	Kind         Kind
	// Compensation names the declared update of the same system that undoes this update,
	// "" if nothing does. Its body is a Compensated.
	Compensation string
	// AtMostOnce is for an update of a system that does not know idempotency keys, and
	// where twice is worse than not at all. If it is unknown whether the update happened,
	// it is not repeated: the entity's effects are parked until a person says which.
	// Without it such an update is repeated with the same key.
	AtMostOnce bool
	// AsOf says that a query can be asked about a time in the past. A replay asks it again
	// if no answer is on record; the event's time goes with it.
	AsOf bool
	// Default is the answer to a query about an event from before the call existed, nil if
	// there is none: then a replay cannot go on there without a recorded answer.
	Default []byte
	// Timeout bounds one attempt; 0 means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout bounds an attempt of a call that declares no other time.
const DefaultTimeout = 5 * time.Second

// MaxTimeout is the longest timeout of a call: a batch of events waits for it.
const MaxTimeout = 20 * time.Second

// ID names the call within a service, as in "mail/welcome".
func (c *Call) ID() string { return c.System + "/" + c.Name }

// Limit is the time that one attempt may take.
func (c *Call) Limit() time.Duration {
	if c.Timeout == 0 {
		return DefaultTimeout
	}
	return c.Timeout
}

// ErrDeclaration says that a service declares its calls wrongly. A retry cannot help.
var ErrDeclaration = errors.New("the calls of the service are declared wrongly")

var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// IsName reports whether a text serves as the name of a system or a call.
func IsName(name string) bool { return plainName.MatchString(name) }

// Calls are the declared calls of a service by ID. They are never changed.
type Calls map[string]Call

// Declared checks the declarations of a service. It returns ErrDeclaration if one of them
// cannot be kept.
func Declared(s Service) (Calls, error) {
	calls := make(Calls)
	for _, c := range s.Calls() {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("call %s: %w: %w", c.ID(), ErrDeclaration, err)
		}
		if _, twice := calls[c.ID()]; twice {
			return nil, fmt.Errorf("call %s: %w: it is declared twice", c.ID(), ErrDeclaration)
		}
		calls[c.ID()] = c
	}
	for id, c := range calls {
		if c.Compensation == "" {
			continue
		}
		undo, found := calls[c.System+"/"+c.Compensation]
		if !found || undo.Kind != Updating || undo.ID() == id {
			return nil, fmt.Errorf("call %s: %w: its compensation is no other declared update of the system", id, ErrDeclaration)
		}
	}
	if len(s.Types()) == 0 || slices.Contains(s.Types(), "") {
		return nil, fmt.Errorf("%w: the service names no types of events", ErrDeclaration)
	}
	return calls, nil
}

func (c *Call) check() error {
	switch {
	case !plainName.MatchString(c.System) || !plainName.MatchString(c.Name):
		return errors.New("system and name are lower-case letters, digits, dots and hyphens, at most 64 of them")
	case c.Kind != Updating && c.Kind != Asking:
		return errors.New("its kind is neither update nor query")
	case c.Kind == Asking && (c.Compensation != "" || c.AtMostOnce):
		return errors.New("a query has no compensation, and may be repeated")
	case c.Kind == Updating && (c.AsOf || c.Default != nil):
		return errors.New("an update has no time that it is asked about, and no default")
	case c.Timeout < 0 || c.Timeout > MaxTimeout:
		return fmt.Errorf("its timeout is more than %s", MaxTimeout)
	}
	return nil
}
