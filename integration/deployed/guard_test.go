package deployed

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"reprise/integration/template"
)

func TestGatewayRefusesWhatIsNotSignedOrNotAllowed(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	const api = "arn:aws:execute-api:us-east-1:000000000000:a1/$default/"
	invoke := []string{"execute-api:Invoke"}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	g := guard{
		now:   func() time.Time { return at },
		route: template.Route{Key: "POST /things/{id}", ARN: api + "POST/things/{id}", Authorization: "AWS_IAM"},
		policies: []template.Policy{
			{Name: "x-produce-r", Allowed: []template.Allowed{{Actions: invoke, Resources: []string{api + "POST/things/*"}}}},
			{Name: "x-audit-r", Allowed: []template.Allowed{{Actions: invoke, Resources: []string{api + "GET/things/*"}}}},
		},
	}
	for name, c := range map[string]struct {
		groups  []string
		signed  time.Time
		change  func(r *http.Request)
		body    string
		allowed bool
	}{
		"sound":            {[]string{"produce"}, at, nil, "body", true},
		"two groups":       {[]string{"audit", "produce"}, at, nil, "body", true},
		"a little late":    {[]string{"produce"}, at.Add(4 * time.Minute), nil, "body", true},
		"another group":    {[]string{"audit"}, at, nil, "body", false},
		"too late":         {[]string{"produce"}, at.Add(6 * time.Minute), nil, "body", false},
		"another body":     {[]string{"produce"}, at, nil, "other", false},
		"another path":     {[]string{"produce"}, at, func(r *http.Request) { r.URL.Path = "/things/8" }, "body", false},
		"another query":    {[]string{"produce"}, at, func(r *http.Request) { r.URL.RawQuery = "a=c" }, "body", false},
		"a changed header": {[]string{"produce"}, at, set("Content-Type", "text/plain"), "body", false},
		"an added header":  {[]string{"produce"}, at, set("User-Agent", "x"), "body", true},
		"another session":  {[]string{"produce"}, at, set("X-Amz-Security-Token", "x"), "body", false},
		"no signature":     {[]string{"produce"}, at, func(r *http.Request) { r.Header.Del("Authorization") }, "body", false},
		"a token":          {[]string{"produce"}, at, set("Authorization", "Bearer x"), "body", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/things/7?a=b+c",
			bytes.NewReader([]byte("body")))
		r.Header.Set("Content-Type", "application/json")
		if err := sign(t.Context(), r, []byte("body"), Key(c.groups...), c.signed); err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			c.change(r)
		}
		if err := g.check(r, []byte(c.body)); (err == nil) != c.allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (guard{route: template.Route{Authorization: "JWT"}}).check(nil, nil); err == nil {
		t.Error("an authorization that is not supported was ignored")
	}
}
