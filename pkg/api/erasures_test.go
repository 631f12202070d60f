package api_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/erasures"
	"reprise/pkg/api/extract"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/local/keyfiles"
	"reprise/pkg/personal"
	"reprise/pkg/personal/sealed"
	"reprise/pkg/platform"
)

// keysFail are keys that cannot be read.
type keysFail struct {
	personal.Keys
	err error
}

func (k *keysFail) Load(ctx context.Context, refs []sealed.Ref) (map[sealed.Ref]personal.Row, error) {
	if k.err != nil {
		return nil, k.err
	}
	return k.Keys.Load(ctx, refs)
}

// newPersonalWorld is a world in which the notes of closed accounts are personal; no
// projection folds them.
func newPersonalWorld(t *testing.T) (*apiWorld, *keysFail) {
	t.Helper()
	keys := &keysFail{}
	w := newAPIWorldWith(t, func(p *platform.Parts) {
		fs := vfs.NewMem()
		keys.Keys = &personal.TableKeys{Table: p.Table, Material: keyfiles.NewSlots(fs, "keys")}
		vault, err := personal.New(personal.Config{
			Rules: sealed.Rules{"note.written": {Fields: []string{"/text"}}}, Keys: keys,
			Wrapper: keyfiles.NewMaster(fs, "keys", rand.Reader), Now: time.Now, Random: rand.Reader})
		must(t, err)
		p.Personal = vault
	})
	return w, keys
}

func note(id, entity, text string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"note.written","subject":%q,`+
		`"time":"2026-03-01T00:00:00Z","data":{"text":%s,"n":1}}`, id, entity, text)
}

// produce sends one event as a producer does.
func (w *apiWorld) produce(line string) response {
	return w.ask(asked{route: intake.RouteEvents, body: line,
		headers: map[string]string{"content-type": "application/cloudevents+json"}})
}

func (w *apiWorld) eraseSubject(body string) response {
	w.t.Helper()
	return w.call("POST /erasures", "", nil, body)
}

func (w *apiWorld) seenHistory(entity string) string {
	w.t.Helper()
	got := w.call("GET /entities/{id}/events", web.EncodeEntity(entity), nil, "")
	if got.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %s", got.StatusCode, got.Body)
	}
	return got.Body
}

// exported is what an export reads of an entity's lane.
func (w *apiWorld) exported(entity string) string {
	w.t.Helper()
	cut := get[extract.Cut](w, "GET /log/cut", "", nil)
	lane := w.api.Lanes.Of(entity)
	got := w.call("POST /log/pages", "", nil, fmt.Sprintf(`{"lane":%d,"cut":%q,"taken":%q}`, lane,
		cut.Lanes[lane].Position, cut.Taken.Format(time.RFC3339Nano)))
	if got.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %s", got.StatusCode, got.Body)
	}
	return got.Body
}

func TestErasedFieldsAreMarkedInAnswers(t *testing.T) {
	w, _ := newPersonalWorld(t)
	for _, line := range []string{note("1", "ann", `"hidden"`), note("1", "bob", `"hidden"`)} {
		if got := w.produce(line); got.StatusCode != http.StatusAccepted {
			t.Fatalf("%d %s", got.StatusCode, got.Body)
		}
	}
	w.flow()
	if seen := w.seenHistory("ann"); !strings.Contains(seen, `{"text":"hidden","n":1}`) {
		t.Errorf("before the erasure: %s", seen)
	}
	if exported := w.exported("ann"); strings.Contains(exported, "hidden") || !strings.Contains(exported, sealed.Name) {
		t.Errorf("an export has the plain value: %s", exported)
	}
	dry := decode[erasures.View](t, w.eraseSubject(`{"subject":"ann","reason":"","dryRun":true}`).Body)
	if !dry.Readable || dry.Erased || dry.Generation != 1 || len(dry.Erasures) != 0 {
		t.Errorf("what there is to erase: %+v", dry)
	}
	view := decode[erasures.View](t, w.eraseSubject(`{"subject":"ann","reason":"asked for","who":"eve"}`).Body)
	if view.Readable || !view.Erased || view.Repeated || len(view.Erasures) != 1 ||
		view.Erasures[0].Reason != "asked for" ||
		view.Erasures[0].Who != "eve" || view.Ref != dry.Ref || view.EffectiveWithin != 60 {
		t.Errorf("erased: %+v", view)
	}
	again := decode[erasures.View](t, w.eraseSubject(`{"subject":"ann","reason":"again"}`).Body)
	if again.Erased || !again.Repeated || len(again.Erasures) != 1 {
		t.Errorf("erased again: %+v", again)
	}
	if seen := w.seenHistory("ann"); strings.Contains(seen, "hidden") ||
		!strings.Contains(seen, `{"text":{"$erased":true,"at":"`) {
		t.Errorf("after the erasure: %s", seen)
	}
	if seen := w.seenHistory("bob"); !strings.Contains(seen, "hidden") {
		t.Errorf("another subject: %s", seen)
	}
	logged := w.logged.String()
	if !strings.Contains(logged, "data subject erased") || !strings.Contains(logged, "ref="+view.Ref) ||
		!strings.Contains(logged, "who=eve") || strings.Contains(logged, "ann") || strings.Contains(logged, "asked for") {
		t.Errorf("logged: %s", logged)
	}
}

// TestWhoIsAuthenticatedHasErased, whatever the request says.
func TestWhoIsAuthenticatedHasErased(t *testing.T) {
	w, _ := newPersonalWorld(t)
	w.produce(note("1", "ann", `"x"`))
	request := asked{route: "POST /erasures", body: `{"subject":"ann","reason":"r","who":"somebody else"}`,
		headers: map[string]string{"content-type": "application/json"}}.request(t.Context(), "http://localhost")
	got := answeredBy(w.handler, request.WithContext(web.WithCaller(t.Context(), "arn:eve")))
	if view := decode[erasures.View](t, got.Body); len(view.Erasures) != 1 || view.Erasures[0].Who != "arn:eve" {
		t.Errorf("%s", got.Body)
	}
}

func TestErasuresAreChecked(t *testing.T) {
	w, _ := newPersonalWorld(t)
	w.refused("nothing sealed yet", w.eraseSubject(`{"subject":"ann","reason":"r"}`), http.StatusNotFound,
		"subject-unknown")
	w.produce(note("1", "ann", `"x"`))
	for name, body := range map[string]string{
		"no subject": `{"subject":"","reason":"r"}`, "no reason": `{"subject":"ann","reason":""}`,
		"a long subject": fmt.Sprintf(`{"subject":%q,"reason":"r"}`, strings.Repeat("x", sealed.MaxSubjectBytes+1)),
		"a long reason":  fmt.Sprintf(`{"subject":"ann","reason":%q}`, strings.Repeat("x", personal.MaxReasonBytes+1)),
		"a long name":    fmt.Sprintf(`{"subject":"ann","reason":"r","who":%q}`, strings.Repeat("x", personal.MaxWhoBytes+1)),
	} {
		w.refused(name, w.eraseSubject(body), http.StatusBadRequest, "invalid-erasure")
	}
	w.refused("an unknown subject", w.eraseSubject(`{"subject":"Ann","reason":"r"}`), http.StatusNotFound,
		"subject-unknown")
	none := newAPIWorld(t)
	none.refused("nothing declared", none.eraseSubject(`{"subject":"ann","reason":"r"}`), http.StatusNotFound,
		"subject-unknown")
}

// TestNobodyCanHaveAForeignValueRevealed: who has seen a sealed value of somebody else, in
// an export for example, cannot send it as an event of another entity.
func TestNobodyCanHaveAForeignValueRevealed(t *testing.T) {
	w, _ := newPersonalWorld(t)
	w.produce(note("1", "ann", `"hidden"`))
	w.flow()
	place := sealed.Places([]byte(w.exported("ann")))[0]
	stolen := string(place.Value.AppendJSON(nil))
	escaped := strings.Replace(stolen, "$", `\u0024`, 1)
	for name, text := range map[string]string{
		"as it is": stolen, "escaped": escaped, "within a text": fmt.Sprintf("%q", stolen), "deeper": `{"a":[` + stolen +
			`]}`,
	} {
		w.refused(name, w.produce(note("2", "eve", text)), http.StatusBadRequest, "invalid-event")
		other := strings.Replace(note("2", "eve", text), "note.written", "any.type", 1)
		w.refused(name+", in another type", w.produce(other), http.StatusBadRequest, "invalid-event")
	}
	w.refused("in binary mode", w.ask(asked{route: intake.RouteEvents, body: stolen, headers: map[string]string{
		"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/t", "ce-type": "any.type",
		"ce-subject": "eve"}}), http.StatusBadRequest, "invalid-event")
	// Without personal fields nothing is reserved.
	none := newAPIWorld(t)
	if got := none.produce(note("2", "eve", stolen)); got.StatusCode != http.StatusAccepted {
		t.Errorf("a platform without personal fields: %d %s", got.StatusCode, got.Body)
	}
}

// TestImportsSealWhatIsPlain and keep what is sealed, be they imported at their own times
// or as a copy of a log.
func TestImportsSealWhatIsPlain(t *testing.T) {
	w, _ := newPersonalWorld(t)
	w.send(note("1", "ann", `"hidden"`))
	w.flow()
	value := string(sealed.Places([]byte(w.exported("ann")))[0].Value.AppendJSON(nil))
	copied := func(id, text string) string {
		e, err := event.Parse(note(id, "ann", text))
		must(t, err)
		position, err := event.NewPosition(0, "1", 0)
		must(t, err)
		return string(event.AppendPlaced(nil, e.AppendJSON(nil), position, 1_700_000_000_000)) + "\n"
	}
	got := w.ask(asked{route: intake.RouteImports, headers: map[string]string{"content-type": intake.CopyType},
		body: copied("2", `"hidden"`) + copied("3", value)})
	if got.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", got.StatusCode, got.Body)
	}
	w.flow()
	if exported := w.exported("ann"); strings.Contains(exported, "hidden") || strings.Count(exported, sealed.Name) != 3 {
		t.Errorf("the log has %s", exported)
	}
	if seen := w.seenHistory("ann"); strings.Count(seen, `"text":"hidden"`) != 3 {
		t.Errorf("a reader sees %s", seen)
	}
}

// TestUnsealableEventsAreNamed by their place in the request, and none of it is accepted.
func TestUnsealableEventsAreNamed(t *testing.T) {
	w, _ := newPersonalWorld(t)
	got := w.ask(asked{route: intake.RouteEvents,
		headers: map[string]string{"content-type": "application/cloudevents-batch+json"},
		body: "[" + strings.Join([]string{deposits("a", 0, 1)[0], note("1", "ann", `"x"`),
			strings.Replace(note("2", "ann", `"x"`), `{"text":"x","n":1}`, "7", 1)}, ",") + "]"})
	if p := decode[web.Problem](t, got.Body); p.Kind() != "invalid-event" || p.Event == nil || *p.Event != 2 {
		t.Errorf("%d %s", got.StatusCode, got.Body)
	}
	w.flow()
	if got := w.call("GET /entities/{id}", web.EncodeEntity("a"), nil, ""); got.StatusCode != http.StatusNotFound {
		t.Errorf("%d %s", got.StatusCode, got.Body)
	}
}

// TestWithoutKeysNothingIsAcceptedInPlain: the request is refused for now, and answers with
// sealed values, too.
func TestWithoutKeysNothingIsAcceptedInPlain(t *testing.T) {
	w, keys := newPersonalWorld(t)
	w.produce(note("1", "ann", `"hidden"`))
	w.flow()
	keys.err = errors.New("no connection")
	w.refused("an event", w.produce(note("1", "bob", `"x"`)), http.StatusServiceUnavailable, "keys-unavailable")
	w.refused("an erasure", w.eraseSubject(`{"subject":"ann","reason":"r"}`), http.StatusServiceUnavailable,
		"keys-unavailable")
	if got := w.produce(deposits("a", 0, 1)[0]); got.StatusCode != http.StatusAccepted {
		t.Errorf("an event without personal fields: %d %s", got.StatusCode, got.Body)
	}
	if seen := decode[entities.HistoryPage](t,
		w.seenHistory("ann")); len(seen.Events) != 1 { // the key is known for a minute
		t.Errorf("%+v", seen)
	}
	w2, keys2 := newPersonalWorld(t)
	w2.send(note("1", "ann", `"hidden"`))
	w2.flow()
	must(t, eraseNow(w2))
	keys2.err = errors.New("no connection")
	w2.refused("a history", w2.call("GET /entities/{id}/events", web.EncodeEntity("ann"), nil, ""),
		http.StatusServiceUnavailable, "keys-unavailable")
	if logged := w.logged.String() + w2.logged.String(); strings.Contains(logged, "hidden") ||
		!strings.Contains(logged, "no connection") {
		t.Errorf("logged: %s", logged)
	}
}

// eraseNow erases ann, whose key is not kept in the memory afterwards.
func eraseNow(w *apiWorld) error {
	if got := w.eraseSubject(`{"subject":"ann","reason":"r"}`); got.StatusCode != http.StatusOK {
		return errors.New(got.Body)
	}
	return nil
}
