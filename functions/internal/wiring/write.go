package wiring

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"reprise/pkg/platform"
)

// ErrNoAlias says that write-state was called without an alias, which names the
// generation to write.
var ErrNoAlias = errors.New("write-state must be called through an alias with a generation's name")

// WriteByAlias returns the handler of write-state. The alias in the invoked ARN names
// its generation: arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS.
func WriteByAlias(p *Platform) platform.Batch {
	return func(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
		generation, err := alias(ctx)
		if err != nil {
			return events.KinesisEventResponse{}, err
		}
		return p.Write(generation)(ctx, batch)
	}
}

func alias(ctx context.Context) (string, error) {
	invocation, found := lambdacontext.FromContext(ctx)
	if !found {
		return "", ErrNoAlias
	}
	parts := strings.Split(invocation.InvokedFunctionArn, ":")
	const withAlias = 8
	if len(parts) != withAlias || parts[withAlias-1] == "$LATEST" {
		return "", ErrNoAlias
	}
	return parts[withAlias-1], nil
}
