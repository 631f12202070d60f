package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/pkg/archive"
	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/aws/settings"
	"reprise/pkg/cli/command"
)

// cloud signs with its options, and knows one endpoint.
type cloud struct {
	options  apiaccess.Options
	endpoint string
	err      error
}

func (c cloud) Sign(_ context.Context, r *http.Request, body []byte) error {
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 %s %s %d", c.options.Region, c.options.Profile, len(body)))
	return c.err
}

func (c cloud) Endpoint(_ context.Context, names settings.Names) (string, error) {
	if names.Stack("ingest") != "orders-ingest" {
		return "", errors.New("the stack is " + names.Stack("ingest"))
	}
	return c.endpoint, c.err
}

const secret = "s3cr3t-t0ken"

// guarded is a server that records what authorizes requests, and answers with status.
type guarded struct {
	*httptest.Server
	seen   []string
	status int
	date   time.Time
}

func guard(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{status: http.StatusOK}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.seen = append(g.seen, r.Header.Get("Authorization"))
		if !g.date.IsZero() {
			w.Header().Set("Date", g.date.UTC().Format(http.TimeFormat))
		}
		w.WriteHeader(g.status)
		_, _ = io.WriteString(w, `{"message":"Forbidden"}`)
	}))
	t.Cleanup(g.Close)
	return g
}

// with is a shell with a cloud and an environment.
func with(t *testing.T, c cloud, env map[string]string) *shell {
	return &shell{t: t, change: func(a *command.App) {
		a.Env = func(name string) string { return env[name] }
		a.AWS = func(o apiaccess.Options) command.Cloud {
			c.options = o
			return c
		}
	}}
}

func TestRequestsCarryTheCredentialsThatWereChosen(t *testing.T) {
	t.Parallel()
	g := guard(t)
	token := map[string]string{command.TokenVariable: secret}
	for _, c := range []struct {
		args string
		env  map[string]string
		want string
	}{
		{"status --endpoint " + g.URL, nil, ""},
		{"status --auth aws --region eu-west-1 --profile work --endpoint " + g.URL, nil, "AWS4-HMAC-SHA256 eu-west-1 work 0"},
		{"send - --auth aws --endpoint " + g.URL, nil, "AWS4-HMAC-SHA256   137"},
		{"status --region eu-west-1 --stack-prefix orders --auth aws", nil, "AWS4-HMAC-SHA256 eu-west-1  0"},
		{"status --stack-prefix orders", nil, ""},
		{"status --endpoint " + g.URL, token, "Bearer " + secret},
		{"status --token other --endpoint " + g.URL, token, "Bearer other"},
		{"status --auth aws --endpoint " + g.URL, token, "AWS4-HMAC-SHA256   0"},
		{"status --auth none --endpoint " + g.URL, token, ""},
		{"status --region x", map[string]string{command.EndpointVariable: g.URL}, ""},
	} {
		g.seen = nil
		s := with(t, cloud{endpoint: g.URL}, c.env)
		got := s.run(account("a", 0), strings.Fields(c.args)...)
		if len(g.seen) != 1 || g.seen[0] != c.want || got.code != command.ExitFine {
			t.Errorf("%s with %v: %q, %+v", c.args, c.env, g.seen, got)
		}
	}
}

// Every command that has --endpoint can reach a deployment.
func TestEveryClientCommandCanSign(t *testing.T) {
	t.Parallel()
	g := guard(t)
	g.status = http.StatusForbidden
	s := with(t, cloud{}, nil)
	arguments := map[string]string{"send": "-", "replay start": "--name=x", "state wipe": "--yes",
		"parked skip": "a --event 0001-011-0000 --reason r", "reverse": "a --event 0001-011-0000 --reason r",
		"replay set-rate":   "a 5",
		"replay set-budget": "a 5usd", "replay set-parallelism": "a 5", "generation drop": "a --yes",
		"diff": "a 0001-011-0000 0001-012-0000", "audit": "--actor a --from 2026-03-01T00:00:00Z",
		"effects resume": "a --reason r", "effects approve": "a --reason r --yes",
		"repair": "--type x --reason r", "erase": "a --reason r",
		"import": emptyExport(t), "export": "--out " + filepath.Join(t.TempDir(), "a"),
		"fork": "--into " + filepath.Join(t.TempDir(), "a")}
	commands := 0
	for _, c := range clientCommands(t) {
		if c.Name == "console" {
			continue // it serves until it is stopped, and has a test of its own
		}
		commands++
		args := strings.Fields(c.Name)
		if extra := arguments[c.Name]; extra != "" {
			args = append(args, strings.Fields(extra)...)
		} else if c.Arg != "" {
			args = append(args, "a")
		}
		g.seen = nil
		got := s.run(account("a", 0), append(args, "--auth", "aws", "--endpoint", g.URL)...)
		if len(g.seen) == 0 || !strings.HasPrefix(g.seen[0], "AWS4-HMAC-SHA256") ||
			!strings.Contains(got.stderr, "PREFIX-produce-REGION") {
			t.Errorf("reprise %s: %q, %+v", c.Name, g.seen, got)
		}
	}
	if commands < 11 {
		t.Errorf("only %d commands were tried", commands)
	}
}

// emptyExport is the file of an export without events.
func emptyExport(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "empty")
	w, err := archive.Create(path, false, archive.Header{BucketHours: 24, Lanes: make([]archive.Lane, 1)})
	must(t, err)
	encoder, err := archive.NewEncoder()
	must(t, err)
	defer encoder.Close()
	b := archive.NewBuilder(0)
	b.Part().Done = true
	must(t, w.Add(b.Seal(encoder)))
	_, err = w.Finish()
	must(t, err)
	return path
}

// clientCommands are the commands with --endpoint.
func clientCommands(t *testing.T) []command.Command {
	t.Helper()
	var all []command.Command
	s := &shell{t: t}
	for _, c := range commands() {
		if strings.Contains(s.fine("", append([]string{"help"}, strings.Fields(c.Name)...)...), "--auth") {
			all = append(all, c)
		}
	}
	return all
}

func TestRefusedCredentialsSayWhatToDo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	token := map[string]string{command.TokenVariable: secret}
	for _, c := range []struct {
		args   string
		env    map[string]string
		status int
		date   time.Time
		want   string
	}{
		{"", nil, 403, now, "403 Forbidden\nhint: the endpoint wants credentials: --auth aws signs requests"},
		{"", token, 401, now, "401 Unauthorized\nhint: the token may have expired, or lack the scope"},
		{"--auth aws", nil, 403, now, "hint: the signature was not accepted: check --region and --profile"},
		{"--auth aws", nil, 403, now.Add(-7 * time.Minute), "hint: this machine's clock is 7m00s ahead of the server's"},
		{"--auth aws", nil, 403, now.Add(3 * time.Hour), "hint: this machine's clock is 3h00m behind the server's"},
	} {
		g := guard(t)
		g.status, g.date = c.status, c.date
		s := with(t, cloud{}, c.env)
		change := s.change
		s.change = func(a *command.App) {
			change(a)
			a.Now = func() time.Time { return now }
		}
		got := s.run("", append(strings.Fields("status --endpoint "+g.URL), strings.Fields(c.args)...)...)
		if got.code != command.ExitFailed || len(g.seen) != 1 || !strings.Contains(got.stderr, c.want) ||
			strings.Contains(got.stderr, secret) {
			t.Errorf("%s %v: %+v after %d requests", c.args, c.env, got, len(g.seen))
		}
	}
}

func TestMissingAccessSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"hint: give --region, or set AWS_REGION":               apiaccess.ErrNoRegion,
		"hint: sign in as for the AWS CLI":                     apiaccess.ErrNoCredentials,
		"hint: check --region, --profile and --stack-prefix, ": apiaccess.ErrNoEndpoint,
	} {
		s := with(t, cloud{err: fmt.Errorf("%w: really", err)}, nil)
		for _, args := range []string{"status --stack-prefix orders", "status --auth aws --endpoint http://127.0.0.1:1"} {
			if got := s.run("", strings.Fields(args)...); got.code != command.ExitFailed || !strings.Contains(got.stderr, want) {
				t.Errorf("%v: %+v", err, got)
			}
		}
	}
}

// No message shows a secret, wherever somebody has put it.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args, token, want string
	}{
		{"status --endpoint http://user:" + secret + "@127.0.0.1:1", "", "must not contain a user name or password"},
		{"status --endpoint https://" + secret + "@example.com", "", "must not contain a user name or password"},
		{"status --endpoint user:" + secret + "@example.com:80", "", "not an http or https URL"},
		{"status --endpoint ftp://user:" + secret + "@example.com", "", "must not contain a user name or password"},
		{"status --endpoint http://%zz:" + secret + "@x", "", "not an http or https URL"},
		{"status --endpoint https://example.com/?token=" + secret, "", "not an http or https URL"},
		{"status --endpoint https://example.com/#" + secret, "", "not an http or https URL"},
		{"status --endpoint http://example.com", secret, "a token is sent only to an https endpoint"},
		{"status --endpoint http://127.0.0.1:1", secret + "\n", "characters that no token has"},
		{"status --auth token", "", "--auth token needs a token in $REPRISE_TOKEN"},
		{"status --auth kerberos", "", "--auth must be auto, aws, token or none"},
		{"status --stack-prefix Orders", "", "--stack-prefix"},
	} {
		s := with(t, cloud{}, map[string]string{command.TokenVariable: c.token})
		got := s.run("", strings.Fields(c.args)...)
		if got.code != command.ExitMisuse || !strings.Contains(got.stderr, c.want) ||
			strings.Contains(got.stderr+got.stdout, secret) {
			t.Errorf("%s: %+v", c.args, got)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	s := with(t, cloud{}, map[string]string{command.TokenVariable: secret})
	got := s.run("", "status", "--endpoint", gone.URL)
	if got.code != command.ExitFailed || strings.Contains(got.stderr, secret) {
		t.Errorf("%+v", got)
	}
}

func TestHTTPSRequestsAreSignedUnlessThereIsAToken(t *testing.T) {
	t.Parallel()
	var seen []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for _, env := range []map[string]string{nil, {command.TokenVariable: secret}} {
		s := with(t, cloud{}, env)
		change := s.change
		s.change = func(a *command.App) {
			change(a)
			note := func(r *http.Request) { seen = append(seen, r.Header.Get("Authorization")) }
			a.HTTP = &http.Client{Transport: record(note)}
		}
		s.run("", "replay", "list", "--endpoint", server.URL)
	}
	if len(seen) != 2 || !strings.HasPrefix(seen[0], "AWS4-HMAC-SHA256") || seen[1] != "Bearer "+secret {
		t.Errorf("requests carried %q", seen)
	}
}

// record is a transport that shows requests and sends none.
type record func(*http.Request)

func (f record) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	body := io.NopCloser(strings.NewReader(`{"replays":[]}`))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
}
