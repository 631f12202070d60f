package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"reprise/pkg/platform"
)

// lambdaAPI has the calls of Lambda that the host makes.
type lambdaAPI interface {
	ListAliases(context.Context, *lambda.ListAliasesInput, ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error)
	CreateAlias(context.Context, *lambda.CreateAliasInput, ...func(*lambda.Options)) (*lambda.CreateAliasOutput, error)
	UpdateAlias(context.Context, *lambda.UpdateAliasInput, ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
	DeleteAlias(context.Context, *lambda.DeleteAliasInput, ...func(*lambda.Options)) (*lambda.DeleteAliasOutput, error)
	ListEventSourceMappings(
		context.Context,
		*lambda.ListEventSourceMappingsInput,
		...func(*lambda.Options),
	) (*lambda.ListEventSourceMappingsOutput, error)
	CreateEventSourceMapping(
		context.Context,
		*lambda.CreateEventSourceMappingInput,
		...func(*lambda.Options),
	) (*lambda.CreateEventSourceMappingOutput, error)
	UpdateEventSourceMapping(
		context.Context,
		*lambda.UpdateEventSourceMappingInput,
		...func(*lambda.Options),
	) (*lambda.UpdateEventSourceMappingOutput, error)
	DeleteEventSourceMapping(
		context.Context,
		*lambda.DeleteEventSourceMappingInput,
		...func(*lambda.Options),
	) (*lambda.DeleteEventSourceMappingOutput, error)
}

// The settings of every mapping on the event stream. Completeness needs endless
// retry: with a limit, Lambda discards a record and goes on. Batches are not
// halved, since the code sets aside what it cannot apply.
const (
	Forever   = -1
	BatchSize = 1000
)

// Lambda is a platform.Host on AWS. It is safe for concurrent use.
type Lambda struct {
	API lambdaAPI
	// Function is the name of write-state, Stream the event stream's ARN.
	Function, Stream string
	// Parallelization is the number of concurrent batches per shard.
	Parallelization int32
	// BatchingSeconds is how long Lambda gathers records for a batch.
	BatchingSeconds int32
}

// Consumers implements platform.Host. It includes aliases without a mapping.
func (l *Lambda) Consumers(ctx context.Context) ([]platform.Consumer, error) {
	byGeneration := make(map[string]*platform.Consumer)
	at := func(generation string) *platform.Consumer {
		if byGeneration[generation] == nil {
			byGeneration[generation] = &platform.Consumer{Generation: generation}
		}
		return byGeneration[generation]
	}
	if err := l.eachMapping(ctx, func(generation string, m types.EventSourceMappingConfiguration) {
		c, state := at(generation), aws.ToString(m.State)
		c.Mapping, c.Sound = aws.ToString(m.UUID), l.sound(m)
		c.Busy = !slices.Contains([]string{"Enabled", "Disabled"}, state)
	}); err != nil {
		return nil, err
	}
	pages := lambda.NewListAliasesPaginator(l.API, &lambda.ListAliasesInput{FunctionName: &l.Function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, alias := range page.Aliases {
			at(aws.ToString(alias.Name)).Version = aws.ToString(alias.FunctionVersion)
		}
	}
	var all []platform.Consumer
	for _, c := range byGeneration {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b platform.Consumer) int { return strings.Compare(a.Generation, b.Generation) })
	return all, nil
}

// Provide implements platform.Host.
func (l *Lambda) Provide(ctx context.Context, have platform.Consumer, version string) error {
	if version != have.Version {
		if err := l.setAlias(ctx, have.Generation, version); err != nil {
			return fmt.Errorf("point alias to version %s: %w", version, err)
		}
	}
	var err error
	switch {
	case have.Mapping == "":
		err = l.create(ctx, have.Generation)
	case have.Busy || have.Sound:
	default:
		err = l.repair(ctx, have.Mapping)
	}
	if err != nil {
		return fmt.Errorf("map event stream: %w", err)
	}
	return nil
}

// Remove implements platform.Host. A later call removes the alias, once no mapping
// uses it.
func (l *Lambda) Remove(ctx context.Context, have platform.Consumer) error {
	if have.Mapping != "" {
		return l.unmap(ctx, have.Mapping)
	}
	return l.dropAlias(ctx, have.Generation)
}

// eachMapping visits the mappings of write-state's aliases on the stream.
func (l *Lambda) eachMapping(
	ctx context.Context,
	visit func(generation string, m types.EventSourceMappingConfiguration),
) error {
	pages := lambda.NewListEventSourceMappingsPaginator(
		l.API,
		&lambda.ListEventSourceMappingsInput{EventSourceArn: &l.Stream},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, m := range page.EventSourceMappings {
			if generation, ours := l.generation(aws.ToString(m.FunctionArn)); ours {
				visit(generation, m)
			}
		}
	}
	return nil
}

// generation returns the alias in an ARN of write-state.
func (l *Lambda) generation(arn string) (string, bool) {
	_, rest, found := strings.Cut(arn, ":function:")
	name, alias, qualified := strings.Cut(rest, ":")
	return alias, found && qualified && name == l.Function
}

func (l *Lambda) sound(m types.EventSourceMappingConfiguration) bool {
	return slices.Contains([]string{"Enabled", "Enabling", "Creating", "Updating"}, aws.ToString(m.State)) &&
		aws.ToInt32(m.MaximumRetryAttempts) == Forever && aws.ToInt32(m.MaximumRecordAgeInSeconds) == Forever &&
		!aws.ToBool(m.BisectBatchOnFunctionError) && aws.ToInt32(m.ParallelizationFactor) == l.Parallelization &&
		aws.ToInt32(m.MaximumBatchingWindowInSeconds) == l.BatchingSeconds &&
		slices.Contains(m.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures)
}

// setAlias points a generation's alias to a published version.
func (l *Lambda) setAlias(ctx context.Context, generation, version string) error {
	_, err := l.API.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &l.Function, Name: &generation,
		FunctionVersion: &version, Description: aws.String("The consumer of generation " + generation)})
	if _, exists := errors.AsType[*types.ResourceConflictException](err); exists {
		_, err = l.API.UpdateAlias(
			ctx,
			&lambda.UpdateAliasInput{FunctionName: &l.Function, Name: &generation, FunctionVersion: &version},
		)
	}
	return err
}

// create makes the mapping of a generation's alias. It starts at the oldest record,
// since LATEST can miss records; the marks drop what the generation has applied.
func (l *Lambda) create(ctx context.Context, generation string) error {
	_, err := l.API.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName:                   aws.String(l.Function + ":" + generation),
		EventSourceArn:                 &l.Stream,
		Enabled:                        aws.Bool(true),
		StartingPosition:               types.EventSourcePositionTrimHorizon,
		BatchSize:                      aws.Int32(BatchSize),
		MaximumBatchingWindowInSeconds: &l.BatchingSeconds,
		MaximumRetryAttempts:           aws.Int32(Forever),
		MaximumRecordAgeInSeconds:      aws.Int32(Forever),
		BisectBatchOnFunctionError:     aws.Bool(false),
		ParallelizationFactor:          &l.Parallelization,
		FunctionResponseTypes:          []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
	})
	if _, exists := errors.AsType[*types.ResourceConflictException](err); exists {
		return nil
	}
	return err
}

// repair restores the settings of a mapping.
func (l *Lambda) repair(ctx context.Context, mapping string) error {
	_, err := l.API.UpdateEventSourceMapping(
		ctx,
		&lambda.UpdateEventSourceMappingInput{
			UUID:                           &mapping,
			Enabled:                        aws.Bool(true),
			MaximumRetryAttempts:           aws.Int32(Forever),
			MaximumRecordAgeInSeconds:      aws.Int32(Forever),
			BisectBatchOnFunctionError:     aws.Bool(false),
			MaximumBatchingWindowInSeconds: &l.BatchingSeconds,
			ParallelizationFactor:          &l.Parallelization,
			FunctionResponseTypes:          []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
		},
	)
	return unlessGone(err)
}

func (l *Lambda) unmap(ctx context.Context, mapping string) error {
	_, err := l.API.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &mapping})
	return unlessGone(err)
}

func (l *Lambda) dropAlias(ctx context.Context, generation string) error {
	_, err := l.API.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: &l.Function, Name: &generation})
	return unlessGone(err)
}

// unlessGone ignores that another keeper has already removed the resource.
func unlessGone(err error) error {
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
		return nil
	}
	return err
}
