package event_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/event"
)

var anyDigest = rapid.Custom(func(t *rapid.T) event.Digest {
	word := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1<<64 - 1, 1 << 63}))
	return event.Digest{Hi: word.Draw(t, "hi"), Lo: word.Draw(t, "lo")}
})

// Digests are stored: these values may never change.
func TestDigestsGolden(t *testing.T) {
	e := parse(t, deposit)
	line := e.AppendJSON(nil)
	at, err := event.NewPosition(1, "49590338271490256608559692538361571095921575989136588898", 3)
	if err != nil {
		t.Fatal(err)
	}
	one := event.DigestOf(at, line)
	for name, c := range map[string]struct {
		got  event.Digest
		want string
	}{
		"DigestOf":   {one, "684180673580047d8915ba6ff8974e2d"},
		"nothing":    {event.DigestOf("", nil), "6e340b9cffb37a989ca544e6bb780a2c"},
		"Identity":   {e.Identity(), "ce1b4ef9bf95938b3e4b2572d253cb68"},
		"ContentOf":  {event.ContentOf(line), "1003b0a9cc8f815a24b42d6dec89e9ff"},
		"Chain":      {event.Digest{}.Chain(one), "fee1cf2bf833b70b9b418a03c6e05f38"},
		"Chain of 2": {event.Digest{}.Chain(one).Chain(one), "3e0ae47dc02ecbf80c0739b6ce4dc810"},
		"zero":       {event.Digest{}, "00000000000000000000000000000000"},
		"sum":        {event.Digest{Hi: 1, Lo: 1<<64 - 1}.Add(event.Digest{Lo: 2}), "00000000000000020000000000000001"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
}

// A long position, line, source or id needs an allocation, but must give the same
// digest.
func TestDigestsOfLongInputs(t *testing.T) {
	for n := range 600 {
		long := strings.Repeat("x", n)
		a := event.Event{Source: long, ID: "y"}
		b := event.Event{Source: "y", ID: long}
		whole := event.ContentOf([]byte(long + "\x00y"))
		if a.Identity() != whole || b.Identity() != event.ContentOf([]byte("y\x00"+long)) {
			t.Fatalf("Identity differs at %d bytes", n)
		}
		if event.DigestOf(event.Position(long), []byte("y")) != whole {
			t.Fatalf("DigestOf differs at %d bytes", n)
		}
	}
}

func TestDigestAddSub(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyDigest.Draw(t, "a"), anyDigest.Draw(t, "b"), anyDigest.Draw(t, "c")
		zero := event.Digest{}
		switch {
		case a.Add(b) != b.Add(a):
			t.Error("Add depends on the order")
		case a.Add(b).Add(c) != a.Add(b.Add(c)):
			t.Error("Add depends on the grouping")
		case a.Add(zero) != a || a.Sub(zero) != a:
			t.Error("zero changes a sum")
		case a.Sub(a) != zero:
			t.Error("a − a is not zero")
		case a.Add(b).Sub(b) != a || a.Sub(b).Add(b) != a:
			t.Error("Sub does not undo Add")
		case b != zero && a.Add(b) == a:
			t.Error("one more event does not change the sum")
		}
	})
}

func TestDigestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDigest.Draw(t, "digest")
		encoded, err := json.Marshal(d)
		if err != nil || string(encoded) != `"`+d.String()+`"` || len(d.String()) != 32 {
			t.Fatalf("%s, %v", encoded, err)
		}
		again := anyDigest.Draw(t, "before")
		if err := json.Unmarshal(encoded, &again); err != nil || again != d {
			t.Errorf("%s reads as %s, %v", encoded, again, err)
		}
	})
	for _, text := range []string{"", "0", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("0", 64),
		strings.Repeat("A", 32), strings.Repeat("g", 32), " " + strings.Repeat("0", 31), "0x" + strings.Repeat("0", 30)} {
		before := event.Digest{Hi: 1, Lo: 2}
		d := before
		if err := d.UnmarshalText([]byte(text)); !errors.Is(err, event.ErrDigest) || d != before {
			t.Errorf("UnmarshalText(%q) = %s, %v", text, d, err)
		}
	}
}

func TestChainDependsOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, a, b := anyDigest.Draw(t, "start"), anyDigest.Draw(t, "a"), anyDigest.Draw(t, "b")
		if a != b && start.Chain(a).Chain(b) == start.Chain(b).Chain(a) {
			t.Error("Chain does not depend on the order")
		}
		if start.Chain(a) == start || start.Chain(a).Chain(a) == start.Chain(a) {
			t.Error("repeating an event does not change the chain")
		}
		if start != a && start.Chain(a) == a.Chain(start) {
			t.Error("Chain confuses its parts")
		}
	})
}

func TestDigestOfDependsOnBoth(t *testing.T) {
	seen := map[event.Digest]string{}
	for _, at := range []event.Position{"", "0001-0242-0003", "0001-0242-0004"} {
		for _, line := range []string{"", "{}", `{"a":1}`, "\x00{}"} {
			d := event.DigestOf(at, []byte(line))
			if other, ok := seen[d]; ok {
				t.Errorf("%q %q has the digest of %s", at, line, other)
			}
			seen[d] = string(at) + " " + line
		}
	}
}

func TestIdentityIsSourceAndID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyEvent.Draw(t, "a"), anyEvent.Draw(t, "b")
		if rapid.Bool().Draw(t, "same source") {
			b.Source = a.Source
		}
		if same := a.Source == b.Source && a.ID == b.ID; same != (a.Identity() == b.Identity()) {
			t.Errorf("identities of %q %q and %q %q", a.Source, a.ID, b.Source, b.ID)
		}
		b.Source, b.ID = a.Source, a.ID
		if a.Identity() != b.Identity() {
			t.Error("Identity depends on more than source and id")
		}
	})
	a, b := event.Event{Source: "ab", ID: "c"}, event.Event{Source: "a", ID: "bc"}
	if a.Identity() == b.Identity() {
		t.Error("Identity does not separate source and id")
	}
}
