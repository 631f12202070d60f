package deployed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"reprise/integration/permissions"
	"reprise/integration/template"
)

// Key is a caller's access key. The caller has the managed policies of the groups
// ("produce", "operate", "correct", "audit", "trace", "export", "approve") and no other permission.
func Key(groups ...string) aws.Credentials {
	id := "AKID." + strings.Join(groups, ".")
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: "secret of " + id, SessionToken: "session of " + id}
}

// guard refuses what API Gateway refuses before it calls a function: requests to a
// route with IAM authorization that are not signed, or whose caller has no policy that
// allows the route.
type guard struct {
	route    template.Route
	policies []template.Policy
	now      func() time.Time
}

// maxSkew is how far the time of a signature may be off.
const maxSkew = 5 * time.Minute

func (g guard) check(r *http.Request, body []byte) error {
	switch g.route.Authorization {
	case "":
		return nil
	case "AWS_IAM":
	default:
		return fmt.Errorf("route %s: authorization %s is not supported here", g.route.Key, g.route.Authorization)
	}
	groups, err := verify(r, body, g.now())
	if err != nil {
		return err
	}
	method, pattern, _ := strings.Cut(g.route.Key, " ")
	called := strings.TrimSuffix(g.route.ARN, method+pattern) + method + r.URL.EscapedPath()
	for _, policy := range g.policies {
		member := slices.ContainsFunc(groups, func(group string) bool { return strings.Contains(policy.Name, "-"+group+"-") })
		if member && allows(policy, called) {
			return nil
		}
	}
	return fmt.Errorf("no policy of %v allows %s", groups, called)
}

// allows reports whether a policy allows calling an ARN.
func allows(policy template.Policy, called string) bool {
	matches := func(resource string) bool { return permissions.Like(resource, called) }
	return slices.ContainsFunc(policy.Allowed, func(a template.Allowed) bool {
		return slices.Contains(a.Actions, "execute-api:Invoke") && slices.ContainsFunc(a.Resources, matches)
	})
}

// verify signs a request again, as far as its signature covers it, and compares. It
// returns the groups of the caller.
func verify(r *http.Request, body []byte, now time.Time) ([]string, error) {
	given := r.Header.Get("Authorization")
	scope, signed, err := signatureOf(given)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || now.Sub(at).Abs() > maxSkew {
		return nil, fmt.Errorf("signed at %q", r.Header.Get("X-Amz-Date"))
	}
	if scope[2] != place().Region || scope[3] != "execute-api" {
		return nil, fmt.Errorf("signed for %v", scope)
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "https://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return nil, err
	}
	for _, name := range signed {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
		if name == "content-length" {
			again.ContentLength = r.ContentLength
		}
	}
	groups := strings.Split(scope[0], ".")[1:]
	key := Key(groups...)
	if err := sign(r.Context(), again, body, key, at); err != nil {
		return nil, err
	}
	if again.Header.Get("Authorization") != given || r.Header.Get("X-Amz-Security-Token") != key.SessionToken {
		return nil, errors.New("the signature does not match")
	}
	return groups, nil
}

// callerOf is what API Gateway tells a function of the caller of a signed request, nil of
// any other.
func callerOf(r *http.Request) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
	scope, _, err := signatureOf(r.Header.Get("Authorization"))
	if err != nil {
		return nil
	}
	return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{
			AccessKey: scope[0], UserARN: CallerARN(scope[0])},
	}
}

// CallerARN is the ARN of the caller with an access key.
func CallerARN(accessKey string) string {
	return "arn:aws:iam::" + place().Account + ":user/" + accessKey
}

// signatureOf returns the scope of a signature (access key, date, region, service) and
// the names of the headers that it covers.
func signatureOf(authorization string) (scope, headers []string, err error) {
	fields, signed := strings.CutPrefix(authorization, "AWS4-HMAC-SHA256 Credential=")
	credential, rest, found := strings.Cut(fields, ", SignedHeaders=")
	names, _, ended := strings.Cut(rest, ", Signature=")
	scope = strings.Split(credential, "/")
	headers = strings.Split(names, ";")
	covers := slices.Contains(headers, "host") && slices.Contains(headers, "x-amz-date")
	if !signed || !found || !ended || len(scope) != 5 || !covers {
		return nil, nil, fmt.Errorf("%q is not a signature", authorization)
	}
	return scope, headers, nil
}

func sign(ctx context.Context, r *http.Request, body []byte, key aws.Credentials, at time.Time) error {
	digest := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, key, r, hex.EncodeToString(digest[:]), "execute-api", place().Region, at)
}

// SignedBy is a client that signs requests with a key.
func SignedBy(key aws.Credentials) *http.Client { return &http.Client{Transport: signing{key}} }

// signing is a transport that signs requests with a key.
type signing struct{ key aws.Credentials }

// RoundTrip implements http.RoundTripper.
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	if err := sign(r.Context(), r, body, s.key, time.Now()); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}

// bodyOf reads a request's body without using it up.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.GetBody == nil {
		return nil, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it is in memory
	return io.ReadAll(body)
}
