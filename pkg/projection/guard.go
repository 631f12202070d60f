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
// tells the attempt's pulse when it enters and leaves the projection.
type guarded struct {
	Projection
	// version is name@version.
	version string
	watch   *watch
	// pulse is nil outside of an attempt.
	pulse *pulse
}

// Begin does not call the projection: its Begin, which may panic or never return,
// is called with the first event, which is then rejected.
func (g *guarded) Begin(state []byte) (Fold, error) {
	return &guardedFold{projection: g, state: state}, nil
}

type guardedFold struct {
	projection *guarded
	state      []byte
	fold       Fold
	// event is the projection's own copy: changes to it, even by an abandoned
	// fold, have no effect elsewhere.
	event event.Event
}

// Apply ends its goroutine instead of returning if the attempt was abandoned
// meanwhile.
func (f *guardedFold) Apply(e *event.Event) ([]byte, error) {
	g := f.projection
	if err := g.watch.rejection(g.version, e); err != nil {
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

// apply turns whatever goes wrong in the projection's code into an error, and the
// projection's errors into plain text, since their methods are its code as well.
func (f *guardedFold) apply() (state []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			state, err = nil, reject(ErrPanic, describe(cause))
		}
	}()
	if f.fold == nil {
		if f.fold, err = f.projection.Projection.Begin(f.state); err != nil {
			return nil, plainError(err)
		}
	}
	if state, err = f.fold.Apply(&f.event); err != nil {
		return nil, plainError(err)
	}
	if len(state) > MaxStateBytes {
		return nil, reject(ErrStateTooLarge, fmt.Sprintf("it would take %d bytes of at most %d", len(state), MaxStateBytes))
	}
	return state, nil
}

// reverse asks the projection what undoes an event: nil if it does not say. Like
// guardedFold.Apply it ends its goroutine if the attempt was abandoned meanwhile.
func (g *guarded) reverse(state []byte, e *event.Event) (*event.Inverse, error) {
	reverser, declares := g.Projection.(Reverser)
	if !declares {
		return nil, nil
	}
	// An event that is not returned from here can be folded nevertheless, so it is
	// remembered under another name.
	asked := *e
	asked.Source, asked.ID = event.SourceCorrections, "undo-"+e.Identity().String()
	if err := g.watch.rejection(g.version, &asked); err != nil {
		return nil, err
	}
	if err := g.watch.mayFold(g.version); err != nil {
		return nil, err
	}
	own := *e
	own.Extensions = slices.Clone(e.Extensions)
	g.pulse.enter(g.version, &asked)
	inverse, err := g.ask(reverser, slices.Clone(state), &own)
	if !g.pulse.leave() {
		runtime.Goexit()
	}
	return inverse, err
}

func (g *guarded) ask(reverser Reverser, state []byte, e *event.Event) (inverse *event.Inverse, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			inverse, err = nil, reject(ErrPanic, describe(cause))
		}
	}()
	if inverse, err = reverser.Reverse(state, e); err != nil {
		return nil, plainError(err)
	}
	if inverse != nil && !slices.Contains(g.Types(), inverse.Type) {
		return nil, plainError(fmt.Errorf("the projection %s undoes it by an event of type %q, which it does not handle",
			g.Name(), inverse.Type))
	}
	return inverse, nil
}

// rejection is an error whose text is already formatted: reading it calls none of
// the projection's code.
type rejection struct {
	kind error
	text string
}

func (r *rejection) Error() string { return r.text }
func (r *rejection) Unwrap() error { return r.kind }

func reject(kind error, detail string) error {
	return &rejection{kind, shorten(kind.Error() + ": " + detail)}
}

// plainError keeps nothing of a projection's error but its text.
func plainError(err error) error { return &rejection{text: shorten(err.Error())} }

// describe words a panic's cause so that it is the same on every machine, as far
// as the projection's own text is. It prints no composite value, which may be
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

// maxDetail bounds the bytes that are kept of a reason.
const maxDetail = 290

// shorten returns at most about maxDetail bytes of text, as valid UTF-8.
func shorten(text string) string {
	if len(text) > maxDetail {
		end := maxDetail
		for end > maxDetail-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
