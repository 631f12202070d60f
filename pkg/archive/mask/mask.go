package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/event"
)

// MinKeyBytes is the least length of a key.
const MinKeyBytes = 16

// Refused says that the rules do not cover an event. A retry cannot help. Its text never
// has a value of the event.
type Refused struct {
	// Type is the event's type.
	Type    string
	Problem string
}

func (e *Refused) Error() string { return fmt.Sprintf("event of type %q: %s", e.Type, e.Problem) }

// Masker masks events. It is safe for concurrent use.
type Masker struct {
	rules *Rules
	key   []byte
}

// New returns a masker with a key of at least MinKeyBytes.
func New(rules *Rules, key []byte) (*Masker, error) {
	if len(key) < MinKeyBytes {
		return nil, invalid("the key has %d bytes, at least %d are needed", len(key), MinKeyBytes)
	}
	return &Masker{rules, key}, nil
}

// RulesSum is the SHA-256 of the rules.
func (m *Masker) RulesSum() string { return m.rules.sum }

// KeyCheck tells two keys apart. It does not give the key away.
func (m *Masker) KeyCheck() string { return hex.EncodeToString(m.sum("\x00check of the key")[:8]) }

// Entities reports whether ids of entities become pseudonyms.
func (m *Masker) Entities() bool { return m.rules.entities.do == hash }

func (m *Masker) sum(text string) []byte {
	h := hmac.New(sha256.New, m.key)
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum(nil)
}

// text is what an action makes of a text: the same for the same text, wherever it stands.
func (m *Masker) text(a *action, text string) string {
	if a.do != hash {
		return text
	}
	kept := ""
	for _, prefix := range a.prefixes {
		if strings.HasPrefix(text, prefix) {
			kept = prefix
			break
		}
	}
	return kept + hex.EncodeToString(m.sum(text)[:16])
}

// Mask masks the canonical line of an event. Its error is a *Refused.
func (m *Masker) Mask(line []byte) ([]byte, error) {
	e, err := event.Parse(string(line))
	if err != nil {
		return nil, &Refused{Problem: "it cannot be read"}
	}
	if strings.HasPrefix(e.Type, event.ReservedTypes) || e.Source == event.SourceCorrections {
		return m.correction(&e)
	}
	rules, found := m.rules.types[e.Type]
	if !found {
		return nil, &Refused{e.Type, "the rules do not name this type"}
	}
	kind := e.Type
	if err := m.attributes(&e, &rules); err != nil {
		return nil, refused(kind, err)
	}
	if err := m.data(&e, &rules); err != nil {
		return nil, refused(kind, err)
	}
	return m.finish(&e)
}

func refused(kind string, err error) error {
	var p *problem
	if errors.As(err, &p) {
		return &Refused{kind, p.Error()}
	}
	return &Refused{kind, "it cannot be masked"}
}

// finish returns the line of a masked event, which must be a valid one.
func (m *Masker) finish(e *event.Event) ([]byte, error) {
	line := e.AppendJSON(nil)
	if _, err := event.Parse(string(line)); err != nil {
		// The text of err may quote a value.
		return nil, &Refused{e.Type, "it is no valid event once it is masked"}
	}
	return line, nil
}

// correction masks a correction. One that names an event names it by its masked source
// and id.
func (m *Masker) correction(e *event.Event) ([]byte, error) {
	at, ok := e.Timestamp()
	if !ok {
		return nil, &Refused{e.Type, "it is a correction without a time"}
	}
	made, err := m.corrected(e, at)
	if err != nil {
		return nil, err
	}
	made.Time = e.Time
	return m.finish(&made)
}

// remark stands for why a correction was made. Who made it, and why, is written by a
// person about a person's event.
const remark = "masked"

func (m *Masker) corrected(e *event.Event, at time.Time) (made event.Event, err error) {
	entity := m.text(&m.rules.entities, e.Subject)
	if s, ok := event.SkipOf(e); ok {
		s.Source, s.ID = m.text(&m.rules.sources, s.Source), m.text(&m.rules.ids, s.ID)
		s.Reason, s.Who = remark, ""
		made, err = event.NewSkip(entity, s, at)
	} else if r, ok := event.RefoldOf(e); ok {
		r.Reason, r.Who = remark, ""
		made, err = event.NewRefold(entity, r, at)
	} else if r, ok := event.ReversalOf(e); ok {
		r.Source, r.ID = m.text(&m.rules.sources, r.Source), m.text(&m.rules.ids, r.ID)
		r.Reason, r.Who = remark, ""
		if r.Inverse, err = m.inverse(r.Inverse); err != nil {
			return event.Event{}, err
		}
		made, err = event.NewReversal(entity, r, at)
	} else {
		return event.Event{}, &Refused{e.Type, "it is a correction of a kind that cannot be masked"}
	}
	if err != nil {
		return event.Event{}, &Refused{e.Type, "it is no valid correction once it is masked"}
	}
	return made, nil
}

// inverse masks the data of what undoes an event, by the rules of its type.
func (m *Masker) inverse(i *event.Inverse) (*event.Inverse, error) {
	if i == nil {
		return nil, nil
	}
	rules, found := m.rules.types[i.Type]
	if !found {
		return nil, &Refused{i.Type, "the rules do not name this type, which a reversal applies"}
	}
	e := event.Event{Type: i.Type, Data: string(i.Data), DataContentType: "application/json"}
	if err := m.data(&e, &rules); err != nil {
		return nil, refused(i.Type, err)
	}
	if e.Data == "" {
		e.Data = "null"
	}
	return &event.Inverse{Type: i.Type, Data: []byte(e.Data)}, nil
}

func (m *Masker) attributes(e *event.Event, rules *typeRules) error {
	e.Subject = m.text(&m.rules.entities, e.Subject)
	e.ID = m.text(&m.rules.ids, e.ID)
	e.Source = m.text(&m.rules.sources, e.Source)
	found := make(map[string]bool)
	kept := make([]event.Extension, 0, len(e.Extensions))
	for _, x := range e.Extensions {
		found[x.Name] = true
		a, named := rules.attributes[x.Name]
		switch {
		case !named && rules.refuseOthers:
			return bad("attribute "+x.Name, "is named by no rule")
		case !named:
			kept = append(kept, x)
			continue
		}
		value, dropped, err := m.apply(&a, "attribute "+x.Name, []byte(x.Value))
		if err != nil {
			return err
		}
		if !dropped {
			kept = append(kept, event.Extension{Name: x.Name, Value: string(value)})
		}
	}
	for name, a := range rules.attributes {
		if !found[name] && !a.optional && a.do != keep {
			return bad("attribute "+name, "is absent: declare it optional if it may be")
		}
	}
	e.Extensions = kept
	return nil
}

func (m *Masker) data(e *event.Event, rules *typeRules) error {
	n := rules.data
	switch {
	case n.empty() && !rules.refuseOthers, n.do != nil && n.do.do == keep:
		return nil
	case n.do != nil && n.do.do == drop:
		e.Data, e.Base64 = "", false
		return nil
	case n.do != nil && n.do.do == replace:
		e.Data, e.Base64, e.DataContentType = string(n.do.with), false, "application/json"
		return nil
	case e.Data == "" && n.optional():
		return nil
	case e.Data == "":
		return bad("data", "is absent")
	case e.Base64 || !isJSON(e.DataContentType):
		return bad("data", "is not JSON, which the rules expect")
	case rules.refuseOthers && e.Data[0] != '{':
		return bad("data", "is not an object, whose members the rules could name")
	}
	if n.empty() {
		n = &node{members: map[string]*node{}}
	}
	w := &walk{m, rules.refuseOthers}
	out, _, err := w.value(n, "", []byte(e.Data))
	e.Data = string(out)
	return err
}

// isJSON reports whether data of a content type is JSON; without one it is.
func isJSON(contentType string) bool {
	kind, _, _ := event.MediaType(contentType)
	return contentType == "" || kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}
