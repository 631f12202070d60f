package past

import (
	"net/http"
	"net/url"
	"testing"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
)

// asked is the query of a request with one parameter.
func asked(text string) *web.Query {
	r := &http.Request{URL: &url.URL{RawQuery: url.Values{"p": {text}}.Encode()}}
	return web.NewQuery(r, "p")
}

// Whatever is given as a place: it is refused, or means one place, which is written and
// read again as the same.
func FuzzPlaces(f *testing.F) {
	for _, text := range []string{"", "0", "3", "4", "-1", "1.", "0.2026-03-01T00",
		"2.2026-03-01T00_YSMwMDAxLTAxMS0wMDAw", "0.2026-03-01T00_", "0.2026-03-01T00_==", "0.2026-13-01T00",
		"0001-011-0000", "0001-011-000", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00.123456789+23:59",
		"1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "\x1b[2J", "\xff", "あ"} {
		f.Add(text)
	}
	const lanes = 4
	f.Fuzz(func(t *testing.T, text string) {
		q := asked(text)
		if p := scanPlaceOf(q, "p", lanes); q.Err() == nil {
			if p.lane >= lanes {
				t.Errorf("%q is lane %d", text, p.lane)
			}
			again := asked(p.String())
			if back := scanPlaceOf(again, "p", lanes); again.Err() != nil || back != p {
				t.Errorf("%q is %+v, written %q, read again %+v, %v", text, p, p.String(), back, again.Err())
			}
		}
		q = asked(text)
		m := momentOf(q, "p")
		_, none := event.ParsePosition(string(m.position))
		if q.Err() != nil {
			if m != (moment{}) {
				t.Errorf("%q is refused, and read as %+v", text, m)
			}
			return
		}
		if place := m.position != ""; place == m.timed && text != "" || place && none != nil || m.timed && m.logged <= 0 {
			t.Errorf("%q is %+v", text, m)
		}
		if !m.covers("", 0) || m.timed && (m.covers("", m.logged+1) || !m.covers("", m.logged)) {
			t.Errorf("%q covers other times", text)
		}
	})
}
