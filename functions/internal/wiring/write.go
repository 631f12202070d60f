package wiring

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"reprise/pkg/platform"
)

// ErrNoAlias says that write-state was called without an alias, whose name is
// the generation that it serves.
var ErrNoAlias = errors.New("write-state is called by its aliases only, each named as a generation")

// WriteByAlias is write-state. It learns its generation from the alias in the
// invoked ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS.
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
