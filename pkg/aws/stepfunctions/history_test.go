package stepfunctions_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"reprise/pkg/asl/states"
)

// Every page, from wherever it begins, has the events that the whole history has there.
func TestEventsComeInPages(t *testing.T) {
	w := newWorld(t)
	m := w.machine("each")
	if err := m.Start(t.Context(), "r-1", []byte(`{"items":[1,2,3]}`)); err != nil {
		t.Fatal(err)
	}
	w.wait(t, m, "r-1")
	var all []states.Event
	err := m.History(t.Context(), "r-1", false, func(e states.Event) error { all = append(all, e); return nil })
	if err != nil || len(all) < 6 {
		t.Fatalf("%d events, %v", len(all), err)
	}
	for after := range len(all) + 2 {
		for limit := 1; limit < len(all)+2; limit++ {
			page, more, err := m.Events(t.Context(), m.ExecutionARN("r-1"), int64(after), limit)
			if err != nil {
				t.Fatal(err)
			}
			want := max(0, min(limit, len(all)-after))
			if len(page) != want || more != (after+limit < len(all)) {
				t.Fatalf("after %d, limit %d: %d events, more %t", after, limit, len(page), more)
			}
			for i, e := range page {
				if e.ID != int64(after+i+1) || e.Type != all[after+i].Type {
					t.Errorf("after %d, limit %d: event %d is %d, %s", after, limit, i, e.ID, e.Type)
				}
			}
		}
	}
	if _, _, err := m.Events(t.Context(), m.ExecutionARN("none"), 0, 1); !errors.Is(err, states.ErrExecutionDoesNotExist) {
		t.Errorf("events of none: %v", err)
	}
}

func TestDefinitionIsTheExecutions(t *testing.T) {
	w := newWorld(t)
	m := w.machine("each")
	if err := m.Start(t.Context(), "r-1", []byte(`{"items":[]}`)); err != nil {
		t.Fatal(err)
	}
	got, err := m.Definition(t.Context(), m.ExecutionARN("r-1"))
	var definition struct{ StartAt string }
	if err != nil || json.Unmarshal(got, &definition) != nil || definition.StartAt != "Each" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := m.Definition(t.Context(), m.ExecutionARN("none")); !errors.Is(err, states.ErrExecutionDoesNotExist) {
		t.Errorf("definition of none: %v", err)
	}
}

// A child is found by its input, in the newest map run, wherever it is looked for first.
func TestAChildIsFoundByItsInput(t *testing.T) {
	w := newWorld(t)
	m := w.machine("each")
	var items []int
	for i := range 40 {
		items = append(items, i)
	}
	input, err := json.Marshal(map[string]any{"items": items})
	if err == nil {
		err = m.Start(t.Context(), "r-1", input)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.wait(t, m, "r-1")
	for _, item := range []int{0, 7, 39} {
		for _, guess := range []int{item, 0, 1000} {
			child, err := m.Child(t.Context(), "r-1", guess, func(input json.RawMessage) bool {
				return string(input) == strconv.Itoa(item)
			})
			if err != nil || string(child.Input) != strconv.Itoa(item) {
				t.Errorf("item %d, looked for at %d: %s, %v", item, guess, child.Input, err)
			}
			events, _, err := m.Events(t.Context(), child.ExecutionArn, 0, 10)
			if err != nil || len(events) == 0 {
				t.Errorf("events of item %d: %v", item, err)
			}
		}
	}
	for _, name := range []string{"r-1", "none"} {
		_, err := m.Child(t.Context(), name, 0, func(json.RawMessage) bool { return false })
		if !errors.Is(err, states.ErrExecutionDoesNotExist) {
			t.Errorf("a child of %s that is not there: %v", name, err)
		}
	}
}
