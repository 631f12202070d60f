package personal_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/personal"
)

var errKilled = errors.New("killed")

// killer ends a process before its nth write: every write from then on fails.
type killer struct{ left int }

func (k *killer) dead() bool { k.left--; return k.left < 0 }

type killedTable struct {
	control.Table
	*killer
}

func (k killedTable) Put(ctx context.Context, key control.Key, body []byte, v control.Version) (control.Version,
	error) {
	if k.dead() {
		return "", errKilled
	}
	return k.Table.Put(ctx, key, body, v)
}

func (k killedTable) Delete(ctx context.Context, key control.Key, v control.Version) error {
	if k.dead() {
		return errKilled
	}
	return k.Table.Delete(ctx, key, v)
}

type killedMaterial struct {
	personal.Material
	*killer
}

func (k killedMaterial) Destroy(places ...int64) error {
	if k.dead() {
		return errKilled
	}
	return k.Material.Destroy(places...)
}

// TestAnErasureIsNeverHalf: it is killed before each of its writes. Afterwards readers see
// the value or that it is erased; what the next start finds begun, it finishes; and a
// subject that comes back meanwhile does not keep the old key.
func TestAnErasureIsNeverHalf(t *testing.T) {
	for _, after := range []string{"start again", "erase again", "come back"} {
		for writes := 0; ; writes++ {
			w := newWorld(t)
			text := seal(t, w.vault(), made("1", "e", `{"name":"Ada"}`))
			before := w.kept()
			table, slots := w.table, w.slots
			k := &killer{left: writes}
			w.table, w.slots = killedTable{table, k}, killedMaterial{slots, k}
			_, err := w.vault().Erase(t.Context(), "e", personal.Erasure{Reason: "asked for"})
			w.table, w.slots = table, slots
			if err == nil {
				break // it has no more writes
			}
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			shown := reveal(t, w.vault(), text)
			if erased := strings.Contains(shown, "$erased"); !erased && shown != `{"name":"Ada"}` {
				t.Errorf("killed before write %d: %s", writes, shown)
			}
			w.recover(after, writes > 0)
			if shown := reveal(t, w.vault(), text); (writes > 0 || after == "erase again") &&
				!strings.Contains(shown, "$erased") {
				t.Errorf("killed before write %d, then %s: %s", writes, after, shown)
			} else if strings.Contains(shown, "$erased") && w.kept() == before {
				t.Errorf("killed before write %d, then %s: the key is there", writes, after)
			}
			if writes > 10 {
				t.Fatal("the erasure has no end")
			}
		}
	}
}

// recover is what happens after a kill.
func (w *world) recover(after string, begun bool) {
	w.t.Helper()
	v := w.vault()
	switch after {
	case "start again":
	case "erase again":
		if _, err := v.Erase(w.t.Context(), "e", personal.Erasure{Reason: "again"}); err != nil &&
			!errors.Is(err, personal.ErrNoKey) {
			w.t.Error(err)
		}
	case "come back":
		if !begun {
			return
		}
		if err := v.Finish(w.t.Context()); err != nil { // every start does
			w.t.Error(err)
		}
		back := seal(w.t, v, made("2", "e", `{"name":"back"}`))
		if err := v.Finish(w.t.Context()); err != nil { // another start
			w.t.Error(err)
		}
		if shown := reveal(w.t, w.vault(), back); shown != `{"name":"back"}` {
			w.t.Errorf("who came back was erased: %s", shown)
		}
	}
	if err := v.Finish(w.t.Context()); err != nil {
		w.t.Error(err)
	}
}

// kept is the content of the first slot after that of the root: the subject's first key.
func (w *world) kept() string {
	w.t.Helper()
	key, err := w.slots.Read(1)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(key)
}

// TestASubjectThatReturnsDuringAnErasure: a new key does not hide where the old one is.
func TestASubjectThatReturnsDuringAnErasure(t *testing.T) {
	w := newWorld(t)
	seal(t, w.vault(), made("1", "e", `{"name":"Ada"}`))
	table := w.table
	slots := w.slots
	k := &killer{left: 2} // noted and taken, not overwritten
	w.table, w.slots = killedTable{table, k}, killedMaterial{slots, k}
	if _, err := w.vault().Erase(t.Context(), "e", personal.Erasure{Reason: "asked for"}); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	w.table, w.slots = table, slots
	if w.kept() == "" {
		t.Fatal("the key was overwritten too early for this test")
	}
	seal(t, w.vault(), made("2", "e", `{"name":"back"}`))
	if w.kept() != "" {
		t.Error("the key of before is kept for ever")
	}
}

// TestANoteThatIsLeftErasesNobodyElse: all but the note of an erasure is done, the subject
// comes back, and only then the platform starts again.
func TestANoteThatIsLeftErasesNobodyElse(t *testing.T) {
	w := newWorld(t)
	seal(t, w.vault(), made("1", "e", `{"name":"Ada"}`))
	table := w.table
	w.table = killedTable{table, &killer{left: 3}} // before the note is removed
	if _, err := w.vault().Erase(t.Context(), "e", personal.Erasure{Reason: "asked for"}); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	w.table = table
	back := seal(t, w.vault(), made("2", "e", `{"name":"back"}`))
	if err := w.vault().Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if shown := reveal(t, w.vault(), back); shown != `{"name":"back"}` {
		t.Errorf("who came back was erased: %s", shown)
	}
}
