package event_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/event"
)

// ids favours what keys treat specially; any bytes must be safe.
var ids = rapid.OneOf(
	rapid.StringOf(rapid.RuneFrom([]rune("ab#%/ \"!$23E\x00\x1f\x7f\u0080é👩"))),
	rapid.String(),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
)

func TestEscapeEntityGolden(t *testing.T) {
	for id, want := range map[string]string{
		"": "", "account-000042": "account-000042", "a#b": "a%23b", "100%": "100%25", "%23": "%2523", "a/b c": "a/b c",
		"é👩‍🚀": "é👩‍🚀", "\x00\x1f\x7f": "%00%1F%7F", "##": "%23%23",
		strings.Repeat("x", 2048): strings.Repeat("x", 2048),
	} {
		if got := event.EscapeEntity(id); got != want {
			t.Errorf("EscapeEntity(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestEscapeEntity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := ids.Draw(t, "a"), ids.Draw(t, "b")
		escaped := event.EscapeEntity(a)
		if strings.Contains(escaped, "#") {
			t.Errorf("EscapeEntity(%q) = %q holds the separator", a, escaped)
		}
		if id, err := event.UnescapeEntity(escaped); id != a || err != nil {
			t.Errorf("UnescapeEntity(%q) = %q, %v; want %q", escaped, id, err, a)
		}
		other := event.EscapeEntity(b)
		if a != b && (escaped == other || strings.HasPrefix(other+"#", escaped+"#")) {
			t.Errorf("%q and %q share the prefix %q", a, b, escaped)
		}
	})
}

func TestUnescapeEntityRefuses(t *testing.T) {
	for _, text := range []string{"#", "a#", "%", "%2", "a%", "%23%", "%2x", "%zz", "%2e", "%2E", "%41", "%7f", "%1f",
		"%C3%A9", "\x00", "a\n", "\x7f", "%23\x01", "%%23"} {
		if id, err := event.UnescapeEntity(text); !errors.Is(err, event.ErrKey) || id != "" {
			t.Errorf("UnescapeEntity(%q) = %q, %v", text, id, err)
		}
	}
}

func TestUnescapeEntityIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := ids.Draw(t, "text")
		if id, err := event.UnescapeEntity(text); err == nil && event.EscapeEntity(id) != text {
			t.Errorf("UnescapeEntity(%q) = %q, which is escaped as %q", text, id, event.EscapeEntity(id))
		}
	})
}

func TestSortKeyGolden(t *testing.T) {
	if got, want := event.SortKey("a#1", "0001-0242-0003"), "a%231#0001-0242-0003"; got != want {
		t.Errorf("SortKey = %q, want %q", got, want)
	}
}

func TestSortKeyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entity, at := ids.Filter(func(s string) bool { return s != "" }).Draw(t, "entity"), anyPosition.Draw(t, "position")
		key := event.SortKey(entity, at)
		gotEntity, gotAt, err := event.ParseSortKey(key)
		if gotEntity != entity || gotAt != at || err != nil {
			t.Errorf("ParseSortKey(%q) = %q, %q, %v", key, gotEntity, gotAt, err)
		}
	})
}

// The largest key that a valid event can have fits DynamoDB's 1,024 bytes.
func TestSortKeyFits(t *testing.T) {
	at, err := event.NewPosition(event.MaxEpoch, strings.Repeat("9", event.MaxSequenceDigits), event.MaxIndex)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"x", "#", "é", "👩"} {
		e := event.Event{ID: "1", Source: "/s", Type: "t"}
		for e.Subject = c; ; e.Subject += c {
			if longer := (event.Event{ID: "1", Source: "/s", Type: "t", Subject: e.Subject + c}); longer.Validate() != nil {
				break
			}
		}
		if key := event.SortKey(e.Subject, at); len(key) > 1024 || len(key) < 768 {
			t.Errorf("the longest key of %s has %d bytes", c, len(key))
		}
	}
}

// Sorted keys hold each entity's events side by side, in position order.
func TestSortKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entities := rapid.SliceOfNDistinct(ids.Filter(func(s string) bool { return s != "" }), 1, 6, rapid.ID).Draw(t,
			"entities")
		var keys []string
		for _, entity := range entities {
			for _, at := range rapid.SliceOfNDistinct(anyPosition, 1, 4, rapid.ID).Draw(t, "positions") {
				keys = append(keys, event.SortKey(entity, at))
			}
		}
		slices.Sort(keys)
		last, lastAt, done := "", event.Position(""), map[string]bool{}
		for _, key := range keys {
			entity, at, err := event.ParseSortKey(key)
			if err != nil {
				t.Fatal(err)
			}
			if entity != last {
				if done[entity] {
					t.Errorf("the keys of %q do not lie side by side", entity)
				}
				done[entity], last, lastAt = true, entity, ""
			}
			if at <= lastAt {
				t.Errorf("%q is behind %q", lastAt, at)
			}
			lastAt = at
		}
	})
}

func TestParseSortKeyRefuses(t *testing.T) {
	const at = "0001-0242-0003"
	for _, key := range []string{"", "#", "a", at, "a#", "#" + at, "a##" + at, "a#b#" + at, "a" + at, "a#" + at + "#",
		"a#" + at + " ", "a# " + at, "a%#" + at, "a%2e#" + at, "a\n#" + at, "a#0001-0142-0003"} {
		entity, position, err := event.ParseSortKey(key)
		if !errors.Is(err, event.ErrKey) || entity != "" || position != "" {
			t.Errorf("ParseSortKey(%q) = %q, %q, %v", key, entity, position, err)
		}
	}
}
