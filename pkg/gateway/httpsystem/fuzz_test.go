package httpsystem_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/gateway"
	"reprise/pkg/gateway/httpsystem"
)

// discreet reports whether an error is that of an address, and does not repeat it. Names,
// which it may have, are of lower-case letters.
func discreet(err error) bool {
	return errors.Is(err, httpsystem.ErrAddress) && !strings.Contains(err.Error(), "S3CRET")
}

// Whatever the addresses of systems are, they are all used or refused without being
// repeated, and each one by itself as all of them together.
func FuzzEndpoints(f *testing.F) {
	for _, object := range []string{
		`{"payments":"https://payments.example/v1","mail.out":"http://127.0.0.1:9000"}`,
		`{"payments":"https://user:S3CRET@payments.example/"}`,
		`{"Payments":"https://payments.example/?key=S3CRET","":"http://[::1%25lo]:1/"}`,
		`{"a":"https://%zz/S3CRET","a":"//S3CRET#"}`,
		`{"a":null}`,
		`null`,
		`["S3CRET"]`,
	} {
		f.Add(object)
	}
	f.Fuzz(func(t *testing.T, object string) {
		endpoints, err := httpsystem.Endpoints(object)
		if err != nil && !discreet(err) {
			t.Fatalf("%q: %v", object, err)
		}
		if err == nil && len(endpoints) > 32 {
			t.Fatalf("%d systems", len(endpoints))
		}
		bad := 0
		for name, endpoint := range endpoints {
			if one := httpsystem.Check(name, endpoint); one != nil {
				bad++
				if !discreet(one) {
					t.Fatalf("%q: %v", endpoint, one)
				}
			}
		}
		if (bad > 0) != (err != nil && endpoints != nil) {
			t.Fatalf("%q: %d are bad alone, together %v", object, bad, err)
		}
		systems, err := httpsystem.Systems(endpoints)
		if (err != nil) != (bad > 0) || err != nil && !discreet(err) || len(systems) != len(endpoints)-bad {
			t.Fatalf("%q: %d systems, %v", object, len(systems), err)
		}
		for name := range systems {
			if !gateway.IsName(name) {
				t.Errorf("a system is called %q", name)
			}
		}
		if given, err := json.Marshal(endpoints); err == nil && bad == 0 {
			again, err := httpsystem.Endpoints(string(given))
			if err != nil || !slices.Equal(slices.Sorted(maps.Keys(again)), slices.Sorted(maps.Keys(endpoints))) {
				t.Errorf("%q, written again: %v, %v", object, again, err)
			}
		}
	})
}
