package wiring

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"reprise/pkg/consume"
	"reprise/pkg/projection"
)

// writePatience is how long Write and the microservice wait for the pump, which
// reads the same records at the same time.
const writePatience = 2 * time.Second

// ErrNoAlias says that write-state was called without an alias, whose name is
// the generation that it serves.
var ErrNoAlias = errors.New("write-state is called by its aliases only, each named as a generation")

// Write is write-state. It learns its generation from the alias in the invoked
// ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS.
func (p *Platform) Write() func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
	live := &projection.Live{Log: p.EventLog, Heads: p.heads, Registry: p.registry, Generations: p.Generations, Decoder: p.decoder,
		Width: p.Settings.Bucket, Applier: p.applier, Patience: writePatience, Pause: p.Pause}
	return func(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error) {
		generation, err := alias(ctx)
		if err != nil {
			return events.KinesisEventResponse{}, err
		}
		write := &consume.Write{Live: live, Generation: generation, Log: p.Log}
		return write.Handle(ctx, batch)
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
