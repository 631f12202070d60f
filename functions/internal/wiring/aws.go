package wiring

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/functions/internal/consumers"
	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/aws/eventlogdynamo"
	"reprise/pkg/aws/feedkinesis"
	"reprise/pkg/aws/settings"
	"reprise/pkg/aws/stepfunctions"
	"reprise/pkg/meter"
)

// connections bounds the connections to one service that are kept open: the
// adapters have up to 32 writes under way, and some reads beside them.
const connections = 64

// OnAWS makes a platform's parts of the services, with one meter for all of them.
// Region, credentials and
// endpoints are the SDK's business: it reads AWS_REGION, AWS_ENDPOINT_URL and
// the like, which is how a test puts other services in their place.
func OnAWS(ctx context.Context, s settings.Settings, log *slog.Logger) (Parts, error) {
	pace := awsclient.Standard()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(pace.Retryer()),
		config.WithHTTPClient(awsclient.HTTP(connections)))
	if err != nil {
		return Parts{}, fmt.Errorf("configure clients: %w", err)
	}
	codec, err := dynamostore.NewCodec()
	if err != nil {
		return Parts{}, fmt.Errorf("configure clients: %w", err)
	}
	tables, used := dynamodb.NewFromConfig(cfg), new(meter.Meter)
	parts := Parts{
		Settings: s, Log: log, Now: time.Now, Pause: awsclient.Pause, Meter: used,
		Table: controldynamo.New(tables, controldynamo.Options{
			Table: s.Names.ControlTable(), Pace: pace, Random: rand.Reader, Meter: used.Part("control")}),
		EventLog: eventlogdynamo.New(tables, codec, eventlogdynamo.Options{
			Table: s.Names.EventsTable(), Pace: pace, Meter: used.Part("log")}),
		Generations: datastoredynamo.New(tables, codec, datastoredynamo.Options{
			Prefix: s.Names.GenerationPrefix(), Pace: pace, Random: rand.Reader, Meter: used.Part("datastore")}),
		Streams: feedkinesis.New(kinesis.NewFromConfig(cfg), feedkinesis.Options{Pace: pace, Meter: used.Part("streams")}),
	}
	parts.addServices(cfg)
	return parts, nil
}

// addServices adds what only some functions use; making a client costs no call.
func (p *Parts) addServices(cfg aws.Config) {
	if p.Settings.StateMachine != "" {
		machine := stepfunctions.New(sfn.NewFromConfig(cfg), p.Settings.StateMachine)
		p.Executions, p.Running, p.Transitions = machine, running{machine}, machine.Transitions
	}
	p.Lag = iteratorAge{cloudwatch.NewFromConfig(cfg), p.Now}
	functions := lambda.NewFromConfig(cfg)
	p.Nudge = nudge(functions, p.Settings.Names.Function("keep-consumers"))
	names, parallelization := p.Settings.Names, int32(p.Settings.Parallelization)
	p.Consumers = func(streamARN string) consumers.Host {
		return &consumers.Lambda{API: functions, Function: names.Function("write-state"),
			Stream: streamARN, Parallelization: parallelization}
	}
}
