package event_test

import (
	"cmp"
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/event"
)

func TestNewPositionGolden(t *testing.T) {
	nines := strings.Repeat("9", 129)
	for _, c := range []struct {
		epoch    int
		sequence string
		index    int
		want     event.Position
	}{
		{0, "0", 0, "0000-010-0000"},
		{1, "42", 3, "0001-0242-0003"},
		{43981, "49590338271490256608559692538361571095921575989136588898", 65535,
			"abcd-3849590338271490256608559692538361571095921575989136588898-ffff"},
		{65535, nines, 255, event.Position("ffff-81" + nines + "-00ff")},
	} {
		got, err := event.NewPosition(c.epoch, c.sequence, c.index)
		if err != nil || got != c.want {
			t.Errorf("NewPosition(%d, %s, %d) = %q, %v; want %q", c.epoch, c.sequence, c.index, got, err, c.want)
		}
	}
}

func TestNewPositionRefuses(t *testing.T) {
	for _, c := range []struct {
		epoch    int
		sequence string
		index    int
	}{
		{-1, "1", 0}, {65536, "1", 0}, {0, "1", -1}, {0, "1", 65536}, {0, "", 0}, {0, "00", 0}, {0, "01", 0}, {0, "-1", 0},
		{0, "+1", 0}, {0, "1 ", 0}, {0, "1a", 0}, {0, "１", 0}, {0, "1-0000", 0}, {0, strings.Repeat("9", 130), 0},
	} {
		got, err := event.NewPosition(c.epoch, c.sequence, c.index)
		if !errors.Is(err, event.ErrPosition) || got != "" {
			t.Errorf("NewPosition(%d, %s, %d) = %q, %v", c.epoch, c.sequence, c.index, got, err)
		}
	}
}

func TestParsePositionRefuses(t *testing.T) {
	for _, text := range []string{
		"", "0", "0000-000-0000", "0000-00-0000", "0000-0100-0000", "0000-0201-0000", "0000-02421-0000", "0000-024-0000",
		"000-0242-0000", "00001-0242-0000", "0000_0242-0000", "0000-0242_0000", "0000-0242-000", "0000-0242-00000",
		"ABCD-0242-0000", "000g-0242-0000", "+001-0242-0000", "0x01-0242-0000", "0000-0242-000F", "0000-0242-00g0",
		"0000-0A1234567890-0000", "0000-0x42-0000", "0000-024a-0000", "0000-02-1-0000", "0000-02+1-0000", "0000-02 1-0000",
		" 0000-0242-0000", "0000-0242-0000 ", "0000-0242-0000\n", "0000-0242-0000#", "0000-024\x00-0000",
		"0000-82" + strings.Repeat("9", 130) + "-0000", "0000-ff" + strings.Repeat("9", 255) + "-0000",
		"0000-02１-0000",
	} {
		got, err := event.ParsePosition(text)
		if !errors.Is(err, event.ErrPosition) || got != "" {
			t.Errorf("ParsePosition(%q) = %q, %v", text, got, err)
		}
		if p := event.Position(text); p.Epoch() != -1 || p.Sequence() != "" {
			t.Errorf("%q has the epoch %d and the sequence number %q", text, p.Epoch(), p.Sequence())
		}
	}
}

func TestPositionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epoch := rapid.IntRange(0, event.MaxEpoch).Draw(t, "epoch")
		sequence := anySequence.Draw(t, "sequence")
		index := rapid.IntRange(0, event.MaxIndex).Draw(t, "index")
		p, err := event.NewPosition(epoch, sequence, index)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := event.ParsePosition(string(p)); again != p || err != nil {
			t.Errorf("ParsePosition(%q) = %q, %v", p, again, err)
		}
		if p.Epoch() != epoch || p.Sequence() != sequence {
			t.Errorf("%q has the epoch %d, sequence number %s", p, p.Epoch(), p.Sequence())
		}
		if p <= "" {
			t.Error("a position is not behind the empty one")
		}
	})
}

// What differs from a position by one byte is none, or another position.
func TestPositionsAreOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(anyPosition.Draw(t, "position"))
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		p, err := event.ParsePosition(string(text))
		if err != nil {
			return
		}
		same, err := event.NewPosition(p.Epoch(), p.Sequence(), indexOf(p))
		if err != nil || same != p {
			t.Errorf("ParsePosition accepts %q, which NewPosition writes as %q, %v", text, same, err)
		}
	})
}

func indexOf(p event.Position) int {
	n, _ := new(big.Int).SetString(string(p[len(p)-4:]), 16)
	return int(n.Int64())
}

func number(sequence string) *big.Int {
	n, _ := new(big.Int).SetString(sequence, 10)
	return n
}

// Positions sort as text in the order of epoch, sequence number, index. The
// second is drawn near the first, so that they are often equal in part.
func TestPositionOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type place struct {
			epoch    int
			sequence string
			index    int
		}
		draw := func(name string) place {
			return place{rapid.IntRange(0, event.MaxEpoch).Draw(t, name), anySequence.Draw(t, name),
				rapid.IntRange(0, event.MaxIndex).Draw(t, name)}
		}
		a, b := draw("a"), draw("b")
		if rapid.Bool().Draw(t, "same epoch") {
			b.epoch = a.epoch
			switch rapid.IntRange(0, 2).Draw(t, "sequence number") {
			case 0:
				b.sequence = a.sequence
			case 1:
				if next := new(big.Int).Add(number(a.sequence), big.NewInt(1)).String(); len(next) <= event.MaxSequenceDigits {
					b.sequence = next
				}
			}
		}
		want := cmp.Or(cmp.Compare(a.epoch, b.epoch), number(a.sequence).Cmp(number(b.sequence)),
			cmp.Compare(a.index, b.index))
		p, err1 := event.NewPosition(a.epoch, a.sequence, a.index)
		q, err2 := event.NewPosition(b.epoch, b.sequence, b.index)
		if got := cmp.Compare(p, q); got != want || err1 != nil || err2 != nil {
			t.Errorf("%q and %q compare as %d, want %d", p, q, got, want)
		}
		if sign(event.CompareSequences(a.sequence, b.sequence)) != number(a.sequence).Cmp(number(b.sequence)) {
			t.Errorf("CompareSequences(%s, %s) = %d", a.sequence, b.sequence, event.CompareSequences(a.sequence, b.sequence))
		}
	})
}

func sign(n int) int { return cmp.Compare(n, 0) }

func TestCompareSequences(t *testing.T) {
	ordered := []string{"", "0", "1", "9", "10", "11", "99", "100", strings.Repeat("9", 128),
		"1" + strings.Repeat("0", 128)}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := sign(event.CompareSequences(a, b)); got != cmp.Compare(i, j) {
				t.Errorf("CompareSequences(%q, %q) = %d", a, b, got)
			}
		}
	}
}
