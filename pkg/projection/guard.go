package projection

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"reprise/pkg/event"
)

// guarded is a projection of a Set. It turns every panic into a rejection, and
// shows its pulse to the watch of the attempt that it is used in.
type guarded struct {
	Projection
	// version is name@version.
	version string
	watch   *watch
	// pulse is nil where nobody watches.
	pulse *pulse
	// broken rejects every event.
	broken error
}

// handles is Handles; a panic of it is an error.
func (g *guarded) handles(eventType string) (handles bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = reject(ErrPanic, describe(cause))
		}
	}()
	return g.Handles(eventType), nil
}

// Begin calls nothing of the projection: what may panic or run away is done
// with the first event, which it is then blamed on.
func (g *guarded) Begin(state []byte) (Fold, error) {
	return &guardedFold{projection: g, state: state}, nil
}

type guardedFold struct {
	projection *guarded
	state      []byte
	fold       Fold
	// event is the projection's own copy: what it does to it, even after it was
	// given up, shows nowhere else.
	event event.Event
}

// Apply does not return if the attempt has been given up meanwhile: it ends the
// goroutine.
func (f *guardedFold) Apply(e *event.Event) ([]byte, error) {
	g := f.projection
	if g.broken != nil {
		return nil, g.broken
	}
	if err := g.watch.known(g.version, e); err != nil {
		return nil, err
	}
	f.event = *e
	f.event.Extensions = slices.Clone(e.Extensions)
	if g.pulse == nil {
		return f.apply()
	}
	if err := g.watch.mayFold(g.version); err != nil {
		g.pulse.refused = err
		runtime.Goexit()
	}
	g.pulse.enter(g.version, e)
	state, err := f.apply()
	if !g.pulse.leave() {
		runtime.Goexit()
	}
	return state, err
}

// apply makes an error of whatever the projection's code does, and a plain text
// of its errors, whose methods are its code as well.
func (f *guardedFold) apply() (state []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			state, err = nil, reject(ErrPanic, describe(cause))
		}
	}()
	if f.fold == nil {
		if f.fold, err = f.projection.Projection.Begin(f.state); err != nil {
			return nil, flat(err)
		}
	}
	if state, err = f.fold.Apply(&f.event); err != nil {
		return nil, flat(err)
	}
	if len(state) > MaxStateBytes {
		return nil, reject(ErrStateTooLarge, fmt.Sprintf("it would take %d bytes of at most %d", len(state), MaxStateBytes))
	}
	return state, nil
}

// rejection is a reason with its text already made: reading it calls nothing.
type rejection struct {
	kind error
	text string
}

func (r *rejection) Error() string { return r.text }
func (r *rejection) Unwrap() error { return r.kind }

func reject(kind error, detail string) error {
	return &rejection{kind, short(kind.Error() + ": " + detail)}
}

// flat is an error of a projection, with nothing of it but its text.
func flat(err error) error { return &rejection{text: short(err.Error())} }

// describe is a panic's cause in words that are the same on every machine, as
// far as the projection's own are. It prints no composite value: that may be
// huge, contain itself or show addresses.
func describe(cause any) (text string) {
	kind := fmt.Sprintf("%T", cause)
	defer func() {
		if recover() != nil {
			text = kind
		}
	}()
	switch c := cause.(type) {
	case error:
		return c.Error()
	case fmt.Stringer:
		return c.String()
	}
	switch v := reflect.ValueOf(cause); {
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() <= reflect.Complex128:
		return fmt.Sprint(cause)
	}
	return "a " + kind
}

// maxDetail is the bytes of a text that are kept: enough for every reader of a
// reason.
const maxDetail = 290

// short is text that is UTF-8 and not long.
func short(text string) string {
	if len(text) > maxDetail {
		end := maxDetail
		for end > maxDetail-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
