package entities

import "testing"

// FuzzTouchedPlace makes sure that a place has one spelling only.
func FuzzTouchedPlace(f *testing.F) {
	for _, p := range []touchedPlace{{}, {lane: 63, bucket: "2026-03-01T00", key: "a#0001-011-0000"}, {key: "\x00"}} {
		f.Add(p.String())
	}
	for _, text := range []string{"", "0", "0__", "00__", "-1__", "99999__", "0_x_", "0__=", "0__YR",
		"0_2026-03-01T00_YQ_"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := touchedPlaceOf(text)
		if ok && text != "" && p.String() != text {
			t.Errorf("%q is read as %q", text, p)
		}
		if again, ok := touchedPlaceOf(p.String()); ok && again != p {
			t.Errorf("%q: %+v is read as %+v", text, p, again)
		}
	})
}
