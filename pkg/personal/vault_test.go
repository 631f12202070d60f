package personal_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/keyfiles"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/personal"
	"reprise/pkg/personal/sealed"
)

// world has the parts that several vaults share, as several processes do.
type world struct {
	t       *testing.T
	table   control.Table
	slots   personal.Material
	wrapper *counting
	at      atomic.Int64 // seconds
}

// counting counts the calls of a wrapper.
type counting struct {
	personal.Wrapper
	wraps, unwraps atomic.Int64
}

func (c *counting) Wrap(ctx context.Context, key []byte, purpose string) ([]byte, error) {
	c.wraps.Add(1)
	return c.Wrapper.Wrap(ctx, key, purpose)
}

func (c *counting) Unwrap(ctx context.Context, wrapped []byte, purpose string) ([]byte, error) {
	c.unwraps.Add(1)
	return c.Wrapper.Unwrap(ctx, wrapped, purpose)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	fs := vfs.NewMem()
	_, table := localstoretest.OpenAdapter(t, fs, "control", controlpebble.New)
	return &world{t: t, table: table, slots: keyfiles.NewSlots(fs, "keys"),
		wrapper: &counting{Wrapper: keyfiles.NewMaster(fs, "keys", rand.Reader)}}
}

const happened = "it.happened"

func (w *world) vault() *personal.Vault {
	w.t.Helper()
	v, err := personal.New(personal.Config{
		Rules: sealed.Rules{happened: {Fields: []string{"/name", "/list/*"}},
			"by.another": {Fields: []string{"/x"}, Subject: "/who"}},
		Keys:    &personal.TableKeys{Table: w.table, Material: w.slots},
		Wrapper: w.wrapper,
		Now:     func() time.Time { return time.Unix(w.at.Load(), 0) },
		Random:  rand.Reader,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func made(id, entity, data string) *event.Event {
	return &event.Event{ID: id, Source: "s", Type: happened, Subject: entity, Data: data}
}

// seal seals one event and returns its data.
func seal(t *testing.T, v *personal.Vault, e *event.Event) string {
	t.Helper()
	if err := v.Seal(t.Context(), []*event.Event{e}, false); err != nil {
		t.Fatal(err)
	}
	return e.Data
}

func reveal(t *testing.T, v *personal.Vault, text string) string {
	t.Helper()
	shown, err := v.Reveal(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(shown)
}

func erase(t *testing.T, v *personal.Vault, subject string) {
	t.Helper()
	if _, err := v.Erase(t.Context(), subject, personal.Erasure{Reason: "asked for"}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSealedIsRevealed(t *testing.T) {
	w := newWorld(t)
	v, other := w.vault(), w.vault()
	for i, data := range []string{
		`{"name":"Ada","age":36,"list":[]}`, `{"name":{"first":"Ada","last":"L \" \\ é"},"list":[1.50,true,"x"]}`,
		`{"name":"` + strings.Repeat("long ", 10_000) + `"}`, `{"name":"","other":null}`, `{"name":"  spaces  "}`,
	} {
		text := seal(t, v, made(fmt.Sprint(i), "e", data))
		if strings.Contains(text, `"Ada"`) || !strings.Contains(text, sealed.Name) {
			t.Errorf("not sealed: %.200s", text)
		}
		if got := reveal(t, other, text); got != data {
			t.Errorf("%.200s was revealed as %.200s", data, got)
		}
		quoted := fmt.Sprintf(`{"old":%q}`, text)
		if got, want := reveal(t, other, quoted), fmt.Sprintf(`{"old":%q}`, data); !strings.ContainsAny(data, `\`) &&
			got != want {
			t.Errorf("within a text: %s", got)
		}
	}
	plain := `{"a":1}`
	if got := reveal(t, v, plain); got != plain {
		t.Errorf("%s", got)
	}
}

// TestSealingIsTheSameForTheSameEvent, in every process, and different anywhere else:
// equal values cannot be recognized, nor their lengths told apart.
func TestSealingIsTheSameForTheSameEvent(t *testing.T) {
	w := newWorld(t)
	v, other := w.vault(), w.vault()
	first := seal(t, v, made("1", "e", `{"name":"Ada","list":["Ada"]}`))
	if again := seal(t, other, made("1", "e", `{"name":"Ada","list":["Ada"]}`)); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	seen := make(map[string]bool)
	add := func(text string) {
		for _, p := range sealed.Places([]byte(text)) {
			seen[string(p.Value.Box)] = true
		}
	}
	add(first)
	for _, e := range []*event.Event{
		made("2", "e", `{"name":"Ada"}`), made("1", "f", `{"name":"Ada"}`),
		{ID: "1", Source: "t", Type: happened, Subject: "e", Data: `{"name":"Ada"}`},
		{ID: "1", Source: "s", Type: "by.another", Subject: "e", Data: `{"who":"e","x":"Ada"}`},
	} {
		add(seal(t, v, e))
	}
	if len(seen) != 6 {
		t.Errorf("%d sealings of one value at 6 places", len(seen))
	}
	short, long := seal(t, v, made("3", "e", `{"name":"m"}`)),
		seal(t, v, made("3", "e", `{"name":"a longer name of 31 b."}`))
	if len(short) != len(long) {
		t.Errorf("the sealings of a short and a longer value have %d and %d bytes", len(short), len(long))
	}
}

func TestErasedValuesAreMarked(t *testing.T) {
	w := newWorld(t)
	v, other := w.vault(), w.vault()
	gone, stays := seal(t, v, made("1", "gone", `{"name":"Ada"}`)), seal(t, v, made("1", "stays", `{"name":"Bob"}`))
	if got := reveal(t, other, gone); got != `{"name":"Ada"}` {
		t.Fatal(got)
	}
	w.at.Store(100)
	erase(t, v, "gone")
	const marked = `{"name":{"$erased":true,"at":"1970-01-01T00:01:40Z"}}`
	if got := reveal(t, v, gone); got != marked {
		t.Errorf("in the process that has erased: %s", got)
	}
	w.at.Store(100 + int64(personal.Lifetime/time.Second))
	if got := reveal(t, other, gone); got != marked {
		t.Errorf("in another process, after the lifetime: %s", got)
	}
	if got := reveal(t, other, fmt.Sprintf(`[%q]`, gone)); !strings.Contains(got, `\"$erased\":true`) {
		t.Errorf("within a text: %s", got)
	}
	if got := reveal(t, other, stays); got != `{"name":"Bob"}` {
		t.Errorf("another subject: %s", got)
	}
	// The person comes back: what is new can be read, what was erased cannot.
	back := seal(t, v, made("2", "gone", `{"name":"Ada again"}`))
	if got := reveal(t, other, "["+gone+","+back+"]"); got != "["+marked+`,{"name":"Ada again"}]` {
		t.Errorf("after the subject came back: %s", got)
	}
	known, err := v.Look(t.Context(), "gone")
	if err != nil || known.Generation != 2 || !known.HasKey || len(known.Erasures) != 1 {
		t.Errorf("%+v, %v", known, err)
	}
}

// TestAProcessSeesWhoCameBack at once, although it still has the key of before.
func TestAProcessSeesWhoCameBack(t *testing.T) {
	w := newWorld(t)
	v, other := w.vault(), w.vault()
	gone := seal(t, v, made("1", "e", `{"name":"Ada"}`))
	reveal(t, other, gone)
	erase(t, v, "e")
	back := seal(t, v, made("2", "e", `{"name":"back"}`))
	if got := reveal(t, other, back); got != `{"name":"back"}` {
		t.Errorf("what came back: %s", got)
	}
	if got := reveal(t, other, gone); !strings.Contains(got, "$erased") {
		t.Errorf("what was erased, once its process has seen that: %s", got)
	}
}

func TestNobodyElseIsErased(t *testing.T) {
	v := newWorld(t).vault()
	if _, err := v.Erase(t.Context(), "nobody", personal.Erasure{}); !errors.Is(err, personal.ErrNoKey) {
		t.Errorf("before anything is sealed: %v", err)
	}
	seal(t, v, made("1", "e", `{"name":"Ada"}`))
	if _, err := v.Erase(t.Context(), "E", personal.Erasure{}); !errors.Is(err, personal.ErrNoKey) {
		t.Errorf("another case: %v", err)
	}
	erase(t, v, "e")
	if known, err := v.Erase(t.Context(), "e", personal.Erasure{}); !errors.Is(err, personal.ErrNoKey) ||
		len(known.Erasures) != 1 {
		t.Errorf("erased again: %+v, %v", known, err)
	}
}

// TestForeignAndChangedValuesStaySealed, whatever was changed.
func TestForeignAndChangedValuesStaySealed(t *testing.T) {
	v, foreign := newWorld(t).vault(), newWorld(t).vault()
	text := seal(t, v, made("1", "e", `{"name":"Ada"}`))
	if got := reveal(t, foreign, text); got != `{"name":{"$sealed":true}}` {
		t.Errorf("in another platform: %s", got)
	}
	places := sealed.Places([]byte(text))
	for i := range 47 + 32 {
		changed := places[0].Value
		raw := append(changed.Header(), changed.Box...)
		if i == 0 || i >= len(raw) {
			continue // the version
		}
		raw[i] ^= 1
		copy(changed.Ref[:], raw[1:])
		copy(changed.Salt[:], raw[21:])
		changed.Box = raw[33:]
		if i >= 17 && i < 21 {
			changed.Generation ^= 1 << (8 * (20 - i))
		}
		got := reveal(t, v, string(changed.AppendJSON(nil)))
		if strings.Contains(got, "Ada") {
			t.Errorf("byte %d was changed: %s", i, got)
		}
	}
}

func TestProducersEventsAreChecked(t *testing.T) {
	v := newWorld(t).vault()
	text := seal(t, v, made("1", "e", `{"name":"Ada"}`))
	var bad *event.Invalid
	if err := v.Check(made("2", "f", text)); !errors.As(err, &bad) {
		t.Errorf("a sealed value of another event: %v", err)
	}
	if err := v.Check(made("2", "f", `{"name":"Ada"}`)); err != nil {
		t.Error(err)
	}
	var none *personal.Vault
	if err := errors.Join(none.Check(made("2", "f", text)),
		none.Seal(t.Context(), []*event.Event{made("1", "e", "{}")}, false),
		none.Open(t.Context()), none.Finish(t.Context())); err != nil || none.Declares(happened) {
		t.Errorf("without personal fields: %v", err)
	}
}

func TestWhatCannotBeSealedIsNamed(t *testing.T) {
	v := newWorld(t).vault()
	large := fmt.Sprintf(`{"name":%q}`, strings.Repeat("x", event.MaxDataBytes-20))
	for name, data := range map[string]string{"too large": large, "no object": `7`} {
		events := []*event.Event{made("1", "e", `{"name":"Ada"}`), made("2", "e", data)}
		var bad *personal.Unsealable
		var invalid *event.Invalid
		if err := v.Seal(t.Context(), events, false); !errors.As(err, &bad) || bad.Index != 1 || !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWritersAgreeOnOneKey: several processes seal for the same new subjects at once.
func TestWritersAgreeOnOneKey(t *testing.T) {
	w := newWorld(t)
	const writers, subjects = 6, 40
	texts := make([][subjects]string, writers)
	var group sync.WaitGroup
	for i := range writers {
		v := w.vault()
		group.Go(func() {
			var events []*event.Event
			for s := range subjects {
				events = append(events, made("1", fmt.Sprint(s), `{"name":"Ada"}`))
			}
			if err := v.Seal(t.Context(), events, false); err != nil {
				t.Error(err)
			}
			for s, e := range events {
				texts[i][s] = e.Data
			}
		})
	}
	group.Wait()
	for i := range texts {
		if texts[i] != texts[0] {
			t.Fatalf("writer %d has other keys than writer 0", i)
		}
	}
	if got := reveal(t, w.vault(), texts[0][7]); got != `{"name":"Ada"}` {
		t.Error(got)
	}
}

// TestKeysAreUnwrappedOncePerLifetime.
func TestKeysAreUnwrappedOncePerLifetime(t *testing.T) {
	w := newWorld(t)
	v := w.vault()
	var texts []string
	for i := range 20 {
		texts = append(texts, seal(t, v, made("1", fmt.Sprint(i), `{"name":"Ada"}`)))
	}
	// One call for each subject and for the secret, which is also read back.
	if wraps, unwraps := w.wrapper.wraps.Load(), w.wrapper.unwraps.Load(); wraps != 21 || unwraps != 1 {
		t.Errorf("wrapped %d times and unwrapped %d times for 20 new subjects", wraps, unwraps)
	}
	w.wrapper.unwraps.Store(0)
	for range 5 {
		reveal(t, v, "["+strings.Join(texts, ",")+"]")
	}
	if n := w.wrapper.unwraps.Load(); n != 0 {
		t.Errorf("unwrapped %d times within the lifetime", n)
	}
	w.at.Add(int64(personal.Lifetime / time.Second))
	reveal(t, v, "["+strings.Join(texts, ",")+"]")
	if n := w.wrapper.unwraps.Load(); n != 20 {
		t.Errorf("unwrapped %d times after the lifetime", n)
	}
}
