package wiring

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/functions/internal/consumers"
	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/aws/eventlogdynamo"
	"reprise/pkg/aws/feedkinesis"
	"reprise/pkg/aws/personalkms"
	"reprise/pkg/aws/settings"
	"reprise/pkg/aws/stepfunctions"
	"reprise/pkg/domain"
	"reprise/pkg/meter"
	"reprise/pkg/outside"
	"reprise/pkg/personal"
	"reprise/pkg/personal/sealed"
	"reprise/pkg/platform"
)

// tag is the key of the tag that every resource of the stacks has, with the prefix.
const tag = "reprise"

// Platform makes the handlers of all functions.
type Platform = platform.Platform

// connections bounds the open connections to one service: the adapters make up to
// 32 concurrent writes, and some reads.
const connections = 64

// verifyBytes is what verify-lanes keeps of the rows' states at a time, of two lanes each;
// its memory is far larger than the eightfold of both.
const verifyBytes = 16 << 20

// The times of a platform on AWS. Steps end before the time limits of their tasks in
// the state machine, and before those of their functions.
const (
	longStep  = 14 * time.Minute
	shortStep = 5 * time.Second
	sliceStep = 90 * time.Second
	lease     = 30 * time.Second
	firstPoll = 50 * time.Millisecond
	poll      = 500 * time.Millisecond
	// drainPatience exceeds the minute that a new event source mapping takes to
	// start.
	drainPatience = 75 * time.Second
	writePatience = 2 * time.Second
	// verifyPatience is well above the time after which a batch that failed is tried again.
	verifyPatience = 3 * time.Minute
	// lagEvery is a minute, since the metric has one value per minute.
	lagEvery = time.Minute
	// A pump that keeps up is a few seconds behind, with its batching window. The
	// consumer of a replay that is only as slow as its store is minutes behind.
	liveLag     = 30 * time.Second
	consumerLag = 15 * time.Minute
	// Each look at a budget reads what every function has stored, and each reader stores
	// what it has used.
	budgetEvery = 5 * time.Second
)

// OnAWS opens a platform for a function, with one meter for all services. The SDK
// reads region, credentials and endpoints from AWS_REGION, AWS_ENDPOINT_URL and the
// like; tests name other services there. OnAWS reads the control table and describes
// the event stream. Call it once per environment of a function.
func OnAWS(ctx context.Context, function string, s settings.Settings, log *slog.Logger) (*Platform, error) {
	pace := awsclient.Standard()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(pace.Retryer()),
		config.WithHTTPClient(awsclient.HTTP(connections)))
	if err != nil {
		return nil, fmt.Errorf("configure clients: %w", err)
	}
	parts := common(function, s, log)
	if parts.Systems, err = outside.Systems(s.Systems, os.Getenv); err != nil {
		return nil, fmt.Errorf("configure external systems: %w", err)
	}
	if err := addStores(&parts, s.Names, cfg, pace); err != nil {
		return nil, fmt.Errorf("configure clients: %w", err)
	}
	streams := feedkinesis.New(
		kinesis.NewFromConfig(cfg),
		feedkinesis.Options{Pace: pace, Meter: parts.Meter.Part("streams")},
	)
	parts.Events, parts.Playback = streams.Open(s.Names.EventStream()), streams.Open(s.Names.PlaybackStream())
	events, err := streams.Describe(ctx, s.Names.EventStream())
	if err != nil {
		return nil, fmt.Errorf("describe event stream: %w", err)
	}
	addServices(&parts, s, cfg, status{names: s.Names, streams: streams, service: parts.Service != nil}, events.ARN)
	return platform.Open(ctx, parts, s.Lanes, domain.Projections(), events.Identity)
}

// common returns the parts that need no service.
func common(function string, s settings.Settings, log *slog.Logger) platform.Parts {
	parts := platform.Parts{
		Settings: platform.Settings{
			Bucket: s.Bucket, Retention: s.Retention, Machine: s.StateMachine, Published: s.WriteVersion, Build: s.WriteVersion,
			VerifyPatience: verifyPatience, VerifyBytes: verifyBytes, VerifyFullEvery: s.FullEvery,
			LongStep: longStep, ShortStep: shortStep, SliceStep: sliceStep, Lease: lease,
			FirstPoll: firstPoll, Poll: poll, DrainPoll: poll,
			DrainPatience: drainPatience, WritePatience: writePatience, LagEvery: lagEvery, Readers: s.Readers,
			LiveLag: liveLag, ConsumerLag: consumerLag, BudgetEvery: budgetEvery,
		},
		Function: function,
		Meter:    new(meter.Meter),
		Log:      log,
		Now:      time.Now,
		Sleep:    awsclient.Sleep,
		Random:   rand.Reader,
	}
	parts.Service = domain.Service()
	return parts
}

func addStores(parts *platform.Parts, names settings.Names, cfg aws.Config, pace awsclient.Pace) error {
	codec, err := dynamostore.NewCodec()
	if err != nil {
		return err
	}
	tables := dynamodb.NewFromConfig(cfg)
	parts.Table = controldynamo.New(tables, controldynamo.Options{
		Table: names.ControlTable(), Pace: pace, Random: rand.Reader, Meter: parts.Meter.Part("control")})
	if parts.Service != nil {
		parts.Effects = controldynamo.New(tables, controldynamo.Options{
			Table: names.EffectsTable(), Pace: pace, Random: rand.Reader, Meter: parts.Meter.Part("effects")})
	}
	parts.EventLog = eventlogdynamo.New(tables, codec, eventlogdynamo.Options{
		Table: names.EventsTable(), Pace: pace, Meter: parts.Meter.Part("log")})
	parts.Generations = datastoredynamo.New(tables, codec, datastoredynamo.Options{
		Prefix: names.GenerationPrefix(), Pace: pace, Random: rand.Reader, Meter: parts.Meter.Part("datastore"),
		Tags: map[string]string{tag: names.Prefix()}, Protected: true})
	parts.Personal, err = vault(domain.Personal(), parts.Now, names, tables, cfg, pace)
	return err
}

// vault is what seals and reveals personal fields; nil if none are declared. Making it
// makes no call. Only some functions have the permissions to use it.
func vault(rules sealed.Rules, now func() time.Time, names settings.Names, tables controldynamo.Client, cfg aws.Config,
	pace awsclient.Pace,
) (*personal.Vault, error) {
	return personal.New(personal.Config{
		Rules: rules,
		Keys: &personal.TableKeys{Table: controldynamo.New(tables, controldynamo.Options{
			Table: names.KeysTable(), Pace: pace, Random: rand.Reader})},
		Wrapper: personalkms.New(kms.NewFromConfig(cfg), names.KeyAlias(), names.Prefix()),
		Now:     now,
		Random:  rand.Reader,
	})
}

// addServices adds parts that only some functions use. Making a client makes no call.
func addServices(parts *platform.Parts, s settings.Settings, cfg aws.Config, known status, stream string) {
	if s.StateMachine != "" {
		machine := stepfunctions.New(sfn.NewFromConfig(cfg), s.StateMachine)
		parts.Executions, parts.Transitions, known.machine = machine, machine.Transitions, machine
		// Both state machines are in one account and region, and differ in their names.
		verify := strings.TrimSuffix(s.StateMachine, machine.Name()) + s.Names.VerifyMachine()
		parts.Settings.VerifyMachine = verify
		parts.VerifyExecutions = stepfunctions.New(sfn.NewFromConfig(cfg), verify)
	}
	known.lag = iteratorAge{api: cloudwatch.NewFromConfig(cfg), now: parts.Now, names: s.Names}
	parts.Lag, parts.Status = known.lag.of, known
	functions := lambda.NewFromConfig(cfg)
	if parts.Service != nil {
		parts.WakeEffects = caller(functions, s.Names.Function("retry-effects"))
	}
	parts.WakeKeeper = caller(functions, s.Names.Function("keep-consumers"))
	parts.Host = &consumers.Lambda{
		API:             functions,
		Function:        s.Names.Function("write-state"),
		Stream:          stream,
		Parallelization: int32(s.Parallelization),
		BatchingSeconds: int32(s.BatchingSeconds),
	}
}
