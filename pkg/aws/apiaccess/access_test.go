package apiaccess_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/aws/settings"
)

// at is when requests are signed.
var at = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// environment makes t's process one without any AWS setting but those given.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"} {
		t.Setenv(name, variables[name])
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	file := filepath.Join(t.TempDir(), "file")
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if err := os.WriteFile(file+name, []byte(variables[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, file+name)
	}
}

func access(region, profile string) *apiaccess.Access {
	return apiaccess.New(apiaccess.Options{Region: region, Profile: profile, Now: func() time.Time { return at }})
}

// authorization signs a request and returns the header.
func authorization(t *testing.T, a *apiaccess.Access, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if err := a.Sign(t.Context(), r, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("X-Amz-Date") != "20260301T093000Z" {
		t.Errorf("signed at %s", r.Header.Get("X-Amz-Date"))
	}
	return r.Header.Get("Authorization")
}

func TestSignaturesAreForTheAPIInItsRegion(t *testing.T) {
	const gateway, own = "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/events", "https://events.example.com/events"
	for _, c := range []struct{ environment, given, url, want string }{
		{"us-east-1", "", gateway, "eu-west-1"},
		{"us-east-1", "", own, "us-east-1"},
		{"us-east-1", "eu-north-1", gateway, "eu-north-1"},
		{"", "eu-north-1", own, "eu-north-1"},
	} {
		environment(t, map[string]string{"AWS_REGION": c.environment,
			"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
			"AWS_SESSION_TOKEN": "session"})
		got := authorization(t, access(c.given, ""), c.url, "[]")
		want := "AWS4-HMAC-SHA256 Credential=AKID/20260301/" + c.want + "/execute-api/aws4_request, " +
			"SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token, Signature="
		if !strings.HasPrefix(got, want) {
			t.Errorf("%+v: %s", c, got)
		}
		if other := authorization(t, access(c.given, ""), c.url, "{}"); other == got {
			t.Errorf("%+v: the signature does not cover the body", c)
		}
	}
}

func TestProfilesAreThoseOfTheAWSCLI(t *testing.T) {
	environment(t, map[string]string{
		"AWS_CONFIG_FILE": "[default]\nregion = us-east-1\n[profile work]\nregion = eu-central-1\n",
		"AWS_SHARED_CREDENTIALS_FILE": "[default]\naws_access_key_id = HOME\naws_secret_access_key = x\n" +
			"[work]\naws_access_key_id = WORK\naws_secret_access_key = y\n",
	})
	const url = "https://events.example.com/"
	if got := authorization(t, access("", "work"), url, ""); !strings.Contains(got, "=WORK/20260301/eu-central-1/") {
		t.Errorf("--profile work: %s", got)
	}
	if got := authorization(t, access("", ""), url, ""); !strings.Contains(got, "=HOME/20260301/us-east-1/") {
		t.Errorf("no profile: %s", got)
	}
	t.Setenv("AWS_PROFILE", "work")
	if got := authorization(t, access("", ""), url, ""); !strings.Contains(got, "=WORK/20260301/eu-central-1/") {
		t.Errorf("AWS_PROFILE: %s", got)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	sign := func(a *apiaccess.Access) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://events.example.com/", nil)
		return a.Sign(t.Context(), r, nil)
	}
	environment(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"})
	if err := sign(access("", "")); !errors.Is(err, apiaccess.ErrNoRegion) {
		t.Errorf("no region: %v", err)
	}
	if _, err := access("", "").Endpoint(t.Context(), names(t)); !errors.Is(err, apiaccess.ErrNoRegion) {
		t.Errorf("no region: %v", err)
	}
	if err := sign(access("eu-west-1", "nobody")); !errors.Is(err, apiaccess.ErrNoCredentials) {
		t.Errorf("no profile: %v", err)
	}
	environment(t, nil)
	if err := sign(access("eu-west-1", "")); !errors.Is(err, apiaccess.ErrNoCredentials) {
		t.Errorf("no credentials: %v", err)
	}
	if _, err := access("eu-west-1", "").Endpoint(t.Context(), names(t)); !errors.Is(err, apiaccess.ErrNoCredentials) {
		t.Errorf("no credentials: %v", err)
	}
}

func names(t *testing.T) settings.Names {
	t.Helper()
	all, err := settings.NewNames("orders")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEndpointIsAnOutputOfTheStack(t *testing.T) {
	answer := `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
		<DescribeStacksResult><Stacks><member><StackName>orders-ingest</StackName>
		<CreationTime>2026-03-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>
		<Outputs><member><OutputKey>other</OutputKey><OutputValue>x</OutputValue></member>
		<member><OutputKey>endpoint</OutputKey>
		<OutputValue>https://a1.execute-api.eu-west-1.amazonaws.com</OutputValue></member></Outputs>
		</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") != "DescribeStacks" || r.FormValue("StackName") != "orders-ingest" {
			t.Errorf("asked for %v", r.Form)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	environment(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL_CLOUDFORMATION": server.URL})
	got, err := access("eu-west-1", "").Endpoint(t.Context(), names(t))
	if err != nil || got != "https://a1.execute-api.eu-west-1.amazonaws.com" {
		t.Errorf("%s, %v", got, err)
	}
	answer = strings.ReplaceAll(answer, ">endpoint<", ">elsewhere<")
	if _, err := access("eu-west-1", "").Endpoint(t.Context(), names(t)); !errors.Is(err, apiaccess.ErrNoEndpoint) {
		t.Errorf("no output: %v", err)
	}
	status, answer = http.StatusBadRequest, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
		<Message>Stack with id orders-ingest does not exist</Message></Error></ErrorResponse>`
	_, err = access("eu-west-1", "").Endpoint(t.Context(), names(t))
	want := "the deployment's address was not found: describe stack orders-ingest in eu-west-1: " +
		"Stack with id orders-ingest does not exist"
	if !errors.Is(err, apiaccess.ErrNoEndpoint) || err.Error() != want {
		t.Errorf("no stack: %v", err)
	}
}
