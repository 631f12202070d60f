package apiaccess

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/settings"
)

// What a caller decides on.
var (
	// ErrNoRegion says that neither the options nor the environment name a region.
	ErrNoRegion = errors.New("no AWS region is set")
	// ErrNoCredentials says that the environment has no usable credentials.
	ErrNoCredentials = errors.New("no AWS credentials can be used")
	// ErrNoEndpoint says that the deployment's address could not be found.
	ErrNoEndpoint = errors.New("the deployment's address was not found")
)

// service is the name under which API Gateway checks signatures.
const service = "execute-api"

// Options choose credentials as the AWS CLI does. An empty field means what the
// environment says.
type Options struct {
	Region, Profile string
	Now             func() time.Time
}

// Access signs requests and finds endpoints. It reads the environment at the first
// use. It is safe for concurrent use.
type Access struct {
	options Options
	signer  *v4.Signer
	load    func() (aws.Config, error)
}

// New returns an Access. It makes no call.
func New(o Options) *Access {
	return &Access{options: o, signer: v4.NewSigner(), load: sync.OnceValues(func() (aws.Config, error) {
		var chosen []func(*config.LoadOptions) error
		if o.Region != "" {
			chosen = append(chosen, config.WithRegion(o.Region))
		}
		if o.Profile != "" {
			chosen = append(chosen, config.WithSharedConfigProfile(o.Profile))
		}
		return config.LoadDefaultConfig(context.Background(), chosen...)
	})}
}

// Sign signs a request, whose body is given, with Signature Version 4. The region is
// that of the options, of the request's host, or of the environment. Errors:
// ErrNoRegion, ErrNoCredentials.
func (a *Access) Sign(ctx context.Context, r *http.Request, body []byte) error {
	cfg, err := a.load()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoCredentials, err)
	}
	region := cmp.Or(a.options.Region, hostRegion(r.URL.Hostname()), cfg.Region)
	if region == "" {
		return ErrNoRegion
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoCredentials, err)
	}
	digest := sha256.Sum256(body)
	err = a.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(digest[:]), service, region, a.options.Now())
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	return nil
}

// hostRegion is the region in the name of an API's host, such as
// a1b2c3.execute-api.eu-west-1.amazonaws.com; "" for any other host.
func hostRegion(host string) string {
	_, rest, found := strings.Cut(host, "."+service+".")
	region, domain, _ := strings.Cut(rest, ".")
	if !found || !strings.HasPrefix(domain, "amazonaws.com") {
		return ""
	}
	return region
}

// Endpoint returns the address of the HTTP API of a deployment, an output of its
// stack. The caller needs cloudformation:DescribeStacks. Errors: ErrNoRegion,
// ErrNoCredentials, ErrNoEndpoint.
func (a *Access) Endpoint(ctx context.Context, names settings.Names) (string, error) {
	cfg, err := a.load()
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNoCredentials, err)
	case cfg.Region == "":
		return "", ErrNoRegion
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoCredentials, err)
	}
	stack := names.Stack("ingest")
	found, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx,
		&cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return "", fmt.Errorf("%w: describe stack %s in %s: %w", ErrNoEndpoint, stack, cfg.Region, short(err))
	}
	if endpoint := Output(found.Stacks, "endpoint"); endpoint != "" {
		return endpoint, nil
	}
	return "", fmt.Errorf("%w: stack %s in %s has no output named endpoint", ErrNoEndpoint, stack, cfg.Region)
}

// Output returns an output of stacks, "" if none has it.
func Output(stacks []types.Stack, key string) string {
	for _, s := range stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == key {
				return aws.ToString(o.OutputValue)
			}
		}
	}
	return ""
}

// short is the service's own message, without the SDK's account of the call.
func short(err error) error {
	var refused smithy.APIError
	if errors.As(err, &refused) && !awsclient.IsRetryable(err) {
		return errors.New(refused.ErrorMessage())
	}
	return err
}
