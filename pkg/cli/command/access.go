package command

import (
	"cmp"
	"context"
	"flag"
	"net/http"
	"slices"
	"strings"
	"time"

	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/aws/settings"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/progress"
	"reprise/pkg/local/emulate"
)

// DefaultEndpoint is where a platform on this machine serves.
const DefaultEndpoint = "http://127.0.0.1:8787"

// EndpointVariable names the endpoint that applies without --endpoint, TokenVariable
// the token that applies without --token.
const (
	EndpointVariable = "REPRISE_ENDPOINT"
	TokenVariable    = "REPRISE_TOKEN"
)

// The values of --auth besides the kinds of credentials.
const authAuto = "auto"

// defaultPrefix is the prefix of a deployment with the settings of cdk.json.
const defaultPrefix = "reprise"

// Cloud reaches a deployment on AWS. *apiaccess.Access does.
type Cloud interface {
	Sign(ctx context.Context, r *http.Request, body []byte) error
	Endpoint(ctx context.Context, names settings.Names) (string, error)
}

// ClientFlags are the flags of every command that talks to a platform.
type ClientFlags struct {
	App      *App
	Endpoint string
	JSON     bool
	// Auth is authAuto or one of client.Credentials; "" is authAuto.
	Auth, Token             string
	Region, Profile, Prefix string
}

// ClientFlags registers the flags in fs.
func (a *App) ClientFlags(fs *flag.FlagSet) *ClientFlags {
	f := &ClientFlags{App: a}
	fs.StringVar(&f.Endpoint, "endpoint", "", "address of the API (default $"+EndpointVariable+", the deployment that\n"+
		"--region, --profile or --stack-prefix names, or "+DefaultEndpoint+")")
	fs.StringVar(&f.Region, "region", "", "AWS `REGION` of the deployment (default that of the environment)")
	fs.StringVar(&f.Profile, "profile", "", "AWS `PROFILE` with the credentials (default $AWS_PROFILE)")
	fs.StringVar(&f.Prefix, "stack-prefix", "", "`PREFIX` of the deployment's stacks (default "+defaultPrefix+")")
	fs.StringVar(&f.Auth, "auth", authAuto, "`HOW` requests are authorized: aws (signed), token, none, or auto: the\n"+
		"token if there is one, else aws for an https endpoint")
	fs.StringVar(&f.Token, "token", "", "bearer `TOKEN`; better in $"+TokenVariable+", since other users see arguments")
	fs.BoolVar(&f.JSON, "json", false, "print JSON")
	return f
}

// Client returns a client that retries for patience and reports each retry to
// meter, which may be nil.
func (f *ClientFlags) Client(patience time.Duration, meter *progress.Meter) (*client.Client, error) {
	token := cmp.Or(f.Token, f.App.Env(TokenVariable))
	if err := f.check(token); err != nil {
		return nil, err
	}
	names, err := settings.NewNames(cmp.Or(f.Prefix, defaultPrefix))
	if err != nil {
		return nil, Misuse("--stack-prefix %v", err)
	}
	cloud := f.App.AWS(apiaccess.Options{Region: f.Region, Profile: f.Profile, Now: f.App.Now})
	options := client.Options{
		Endpoint: cmp.Or(f.Endpoint, f.App.Env(EndpointVariable)),
		Authorize: func(ctx context.Context, r *http.Request, body []byte) error {
			return f.authorize(ctx, cloud, token, r, body)
		},
		HTTP:     f.App.HTTP,
		Patience: patience,
		Now:      f.App.Now,
		Sleep:    f.App.Sleep,
		Retrying: func(err error) { meter.Trouble(err.Error() + "; trying again") },
	}
	switch deployed := f.Region + f.Profile + f.Prefix; {
	case options.Endpoint == "" && deployed != "":
		options.Find = func(ctx context.Context) (string, error) { return cloud.Endpoint(ctx, names) }
	case options.Endpoint == "":
		options.Endpoint = DefaultEndpoint
	}
	c, err := client.New(options)
	if err != nil {
		return nil, Misuse("%v", err)
	}
	return c, nil
}

// check refuses flags that cannot work. It never shows the token.
func (f *ClientFlags) check(token string) error {
	known := []string{"", authAuto, string(client.Signature), string(client.Token), string(client.NoCredentials)}
	switch {
	case !slices.Contains(known, f.Auth):
		return Misuse("--auth must be auto, aws, token or none, not %q", f.Auth)
	case f.Auth == string(client.Token) && token == "":
		return Misuse("--auth token needs a token in $%s", TokenVariable)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Misuse("the token has characters that no token has, such as spaces or line feeds")
	}
	return nil
}

// authorize adds the credentials that the flags ask for to a request.
func (f *ClientFlags) authorize(ctx context.Context, cloud Cloud, token string, r *http.Request, body []byte) error {
	how := client.Credentials(f.Auth)
	switch {
	case how != authAuto && how != "":
	case token != "":
		how = client.Token
	case r.URL.Scheme == "https":
		how = client.Signature
	}
	switch {
	case how == client.Signature:
		return cloud.Sign(ctx, r, body)
	case how != client.Token:
		return nil
	case r.URL.Scheme != "https" && !emulate.IsLoopback(r.URL.Host):
		return Misuse("a token is sent only to an https endpoint: others on the way could read it")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}
