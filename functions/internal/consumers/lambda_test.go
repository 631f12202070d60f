package consumers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"reprise/pkg/platform"
)

// apiFake answers as Lambda does and keeps the last requests.
type apiFake struct {
	mappings []types.EventSourceMappingConfiguration
	aliases  []types.AliasConfiguration
	conflict bool
	created  *lambda.CreateEventSourceMappingInput
	mended   *lambda.UpdateEventSourceMappingInput
	moved    *lambda.UpdateAliasInput
	// done lists the calls that changed something, in order.
	done []string
}

func (f *apiFake) note(format string, args ...any) {
	f.done = append(f.done, fmt.Sprintf(format, args...))
}

func (f *apiFake) ListEventSourceMappings(
	_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	// Two pages.
	if in.Marker == nil {
		return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: f.mappings[:1], NextMarker: aws.String("1")}, nil
	}
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: f.mappings[1:]}, nil
}

func (f *apiFake) ListAliases(
	context.Context, *lambda.ListAliasesInput, ...func(*lambda.Options),
) (*lambda.ListAliasesOutput, error) {
	return &lambda.ListAliasesOutput{Aliases: f.aliases}, nil
}

func (f *apiFake) CreateAlias(
	_ context.Context, in *lambda.CreateAliasInput, _ ...func(*lambda.Options),
) (*lambda.CreateAliasOutput, error) {
	f.note("alias %s %s", *in.Name, *in.FunctionVersion)
	if f.conflict {
		return nil, &types.ResourceConflictException{}
	}
	return &lambda.CreateAliasOutput{}, nil
}

func (f *apiFake) UpdateAlias(
	_ context.Context, in *lambda.UpdateAliasInput, _ ...func(*lambda.Options),
) (*lambda.UpdateAliasOutput, error) {
	f.moved = in
	return &lambda.UpdateAliasOutput{}, nil
}

func (f *apiFake) CreateEventSourceMapping(
	_ context.Context, in *lambda.CreateEventSourceMappingInput, _ ...func(*lambda.Options),
) (*lambda.CreateEventSourceMappingOutput, error) {
	f.created = in
	f.note("map %s", *in.FunctionName)
	if f.conflict {
		return nil, &types.ResourceConflictException{}
	}
	return &lambda.CreateEventSourceMappingOutput{}, nil
}

func (f *apiFake) UpdateEventSourceMapping(
	_ context.Context, in *lambda.UpdateEventSourceMappingInput, _ ...func(*lambda.Options),
) (*lambda.UpdateEventSourceMappingOutput, error) {
	f.mended = in
	f.note("mend %s", *in.UUID)
	return &lambda.UpdateEventSourceMappingOutput{}, nil
}

func (f *apiFake) DeleteEventSourceMapping(
	_ context.Context, in *lambda.DeleteEventSourceMappingInput, _ ...func(*lambda.Options),
) (*lambda.DeleteEventSourceMappingOutput, error) {
	f.note("unmap %s", *in.UUID)
	return nil, &types.ResourceNotFoundException{}
}

func (f *apiFake) DeleteAlias(
	_ context.Context, in *lambda.DeleteAliasInput, _ ...func(*lambda.Options),
) (*lambda.DeleteAliasOutput, error) {
	f.note("drop %s", *in.Name)
	return nil, &types.ResourceNotFoundException{}
}

func mapping(id, function, state string) types.EventSourceMappingConfiguration {
	return types.EventSourceMappingConfiguration{UUID: &id, State: &state,
		FunctionArn:          aws.String("arn:aws:lambda:eu-west-1:123456789012:function:" + function),
		MaximumRetryAttempts: aws.Int32(-1), MaximumRecordAgeInSeconds: aws.Int32(-1), ParallelizationFactor: aws.Int32(4),
		MaximumBatchingWindowInSeconds: aws.Int32(3),
		FunctionResponseTypes:          []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}}
}

func TestListKnowsItsOwnMappings(t *testing.T) {
	changed := mapping("m3", "p-write-state:g0003", "Enabled")
	changed.MaximumRetryAttempts = aws.Int32(3)
	hasty := mapping("m7", "p-write-state:g0007", "Enabled")
	hasty.MaximumBatchingWindowInSeconds = aws.Int32(1)
	api := &apiFake{
		mappings: []types.EventSourceMappingConfiguration{
			mapping("m0", "p-pump-events", "Enabled"), mapping("m1", "p-write-state:g0001", "Enabled"),
			mapping("m2", "p-write-state:g0002", "Creating"), changed, mapping("m4", "p-write-state:g0004", "Disabled"),
			mapping("m5", "other-p-write-state:g0001", "Enabled"), mapping("m6", "p-write-state", "Enabled"),
			hasty,
		},
		aliases: []types.AliasConfiguration{
			{Name: aws.String("g0001"), FunctionVersion: aws.String("7")},
			{Name: aws.String("g0005"), FunctionVersion: aws.String("6")},
		},
	}
	l := &Lambda{API: api, Function: "p-write-state", Stream: "arn:stream", Parallelization: 4, BatchingSeconds: 3}
	got, err := l.Consumers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []platform.Consumer{
		{Generation: "g0001", Version: "7", Mapping: "m1", Sound: true},
		{Generation: "g0002", Mapping: "m2", Sound: true, Busy: true},
		{Generation: "g0003", Mapping: "m3"},
		{Generation: "g0004", Mapping: "m4"},
		{Generation: "g0005", Version: "6"},
		{Generation: "g0007", Mapping: "m7"},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

// TestMappingsAreMadeToNeverGiveUp locks the settings of a new mapping and of a
// mended one.
func TestMappingsAreMadeToNeverGiveUp(t *testing.T) {
	api := &apiFake{}
	l := &Lambda{API: api, Function: "p-write-state", Stream: "arn:stream", Parallelization: 4, BatchingSeconds: 3}
	if err := l.create(t.Context(), "g0001"); err != nil {
		t.Fatal(err)
	}
	c := api.created
	if *c.FunctionName != "p-write-state:g0001" || *c.EventSourceArn != "arn:stream" ||
		*c.MaximumRetryAttempts != -1 || *c.MaximumRecordAgeInSeconds != -1 || *c.BisectBatchOnFunctionError ||
		*c.ParallelizationFactor != 4 || !*c.Enabled || c.StartingPosition != types.EventSourcePositionTrimHorizon ||
		len(c.FunctionResponseTypes) != 1 || c.DestinationConfig != nil || *c.MaximumBatchingWindowInSeconds != 3 {
		t.Errorf("created %+v", c)
	}
	if err := l.repair(t.Context(), "m1"); err != nil {
		t.Fatal(err)
	}
	m := api.mended
	if *m.MaximumRetryAttempts != -1 || *m.MaximumRecordAgeInSeconds != -1 || *m.BisectBatchOnFunctionError ||
		*m.ParallelizationFactor != 4 || *m.MaximumBatchingWindowInSeconds != 3 || !*m.Enabled ||
		len(m.FunctionResponseTypes) != 1 {
		t.Errorf("mended %+v", m)
	}
}

func TestWhatAnotherKeeperDidIsNoError(t *testing.T) {
	api := &apiFake{conflict: true}
	l := &Lambda{API: api, Function: "p-write-state", Stream: "arn:stream", Parallelization: 4, BatchingSeconds: 3}
	for what, err := range map[string]error{
		"map":   l.create(t.Context(), "g1"),
		"alias": l.setAlias(t.Context(), "g1", "2"),
		"unmap": l.unmap(t.Context(), "m"),
		"drop":  l.dropAlias(t.Context(), "g1"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if api.moved == nil || *api.moved.FunctionVersion != "2" {
		t.Errorf("the alias was not moved: %+v", api.moved)
	}
}

// TestAConsumerGetsWhatItLacks, and no more: what is sound is left alone, and so
// is what Lambda is changing.
func TestAConsumerGetsWhatItLacks(t *testing.T) {
	for _, c := range []struct {
		have    platform.Consumer
		version string
		want    string
	}{
		{platform.Consumer{Generation: "g1"}, "3", "alias g1 3, map f:g1"},
		{platform.Consumer{Generation: "g1", Version: "3"}, "3", "map f:g1"},
		{platform.Consumer{Generation: "g1", Version: "3", Mapping: "m", Sound: true}, "4", "alias g1 4"},
		{platform.Consumer{Generation: "g1", Version: "3", Mapping: "m", Sound: true}, "3", ""},
		{platform.Consumer{Generation: "g1", Version: "3", Mapping: "m"}, "3", "mend m"},
		{platform.Consumer{Generation: "g1", Version: "3", Mapping: "m", Busy: true}, "3", ""},
		{platform.Consumer{Generation: "g1", Mapping: "m", Sound: true}, "3", "alias g1 3"},
	} {
		api := &apiFake{}
		l := &Lambda{API: api, Function: "f", Stream: "arn:stream", Parallelization: 4, BatchingSeconds: 3}
		if err := l.Provide(t.Context(), c.have, c.version); err != nil || strings.Join(api.done, ", ") != c.want {
			t.Errorf("%+v: did %q, %v; want %q", c.have, api.done, err, c.want)
		}
	}
}

// TestAMappingGoesBeforeItsAlias: nothing may call an alias that is gone.
func TestAMappingGoesBeforeItsAlias(t *testing.T) {
	for _, c := range []struct {
		have platform.Consumer
		want string
	}{
		{platform.Consumer{Generation: "g1", Version: "3", Mapping: "m", Sound: true}, "unmap m"},
		{platform.Consumer{Generation: "g1", Version: "3"}, "drop g1"},
	} {
		api := &apiFake{}
		l := &Lambda{API: api, Function: "f", Stream: "arn:stream", Parallelization: 4, BatchingSeconds: 3}
		if err := l.Remove(t.Context(), c.have); err != nil || strings.Join(api.done, ", ") != c.want {
			t.Errorf("%+v: did %q, %v; want %q", c.have, api.done, err, c.want)
		}
	}
}
