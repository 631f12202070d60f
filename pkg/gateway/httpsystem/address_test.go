package httpsystem_test

import (
	"errors"
	"strings"
	"testing"

	"reprise/pkg/gateway/httpsystem"
)

// plain reports whether an error is that of an address, and does not repeat it.
func plain(err error) bool {
	return errors.Is(err, httpsystem.ErrAddress) && !strings.Contains(err.Error(), "s3cret")
}

func TestAddresses(t *testing.T) {
	for endpoint, good := range map[string]bool{
		"https://payments.example":               true,
		"https://payments.example:8443/v1/":      true,
		"http://127.0.0.1:9000":                  true,
		"http://[::1]:9000/x":                    true,
		"":                                       false,
		"payments.example":                       false,
		"ftp://payments.example":                 false,
		"https://":                               false,
		"https://user@payments.example":          false,
		"https://user:s3cret@payments.example/":  false,
		"https://payments.example/?key=s3cret":   false,
		"https://payments.example/?":             false,
		"https://payments.example/#s3cret":       false,
		"https://pay ments.example/s3cret":       false,
		"https://%zz.example/s3cret":             false,
		"https://h/" + strings.Repeat("x", 1024): false,
	} {
		_, err := httpsystem.New(endpoint)
		if good != (err == nil) || !good && !plain(err) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

func TestEndpointsAreReadFromJSON(t *testing.T) {
	got, err := httpsystem.Endpoints(`{"mail":"https://mail.example","rates":"http://127.0.0.1:1"}`)
	if err != nil || len(got) != 2 || got["mail"] != "https://mail.example" {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{
		``, `[]`, `{"mail":1}`, `{"mail":"https://s3cret@x"}`, `{"Mail":"https://x"}`, `{"":"https://x"}`,
		`{"a":"s3cret","b":"https://x"}`, `{"s3cret`,
	} {
		if _, err := httpsystem.Endpoints(text); !plain(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := httpsystem.Systems(map[string]string{"mail": "nowhere"}); !errors.Is(err, httpsystem.ErrAddress) {
		t.Errorf("systems: %v", err)
	}
}

func TestWhatIsPrivate(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://a.example": true, "http://127.0.0.1:1": true, "http://[::1]:1": true, "http://localhost": true,
		"http://a.example": false, "http://10.0.0.1": false, "nonsense": false, "http://localhost.example": false,
	} {
		if httpsystem.IsPrivate(endpoint) != want {
			t.Errorf("%s: %t", endpoint, !want)
		}
	}
}
