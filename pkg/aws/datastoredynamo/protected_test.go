package datastoredynamo_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"reprise/integration/engines"
	"reprise/pkg/aws/datastoredynamo"
)

// backups is a DynamoDB that has backups only some time after a table was created.
// Other calls than these four panic.
type backups struct {
	datastoredynamo.Client
	created  *dynamodb.CreateTableInput
	asked    int
	enabled  bool
	notReady int
}

func (b *backups) DescribeTable(
	context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options),
) (*dynamodb.DescribeTableOutput, error) {
	if b.created == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{TableStatus: types.TableStatusActive}}, nil
}

func (b *backups) CreateTable(
	_ context.Context, in *dynamodb.CreateTableInput, _ ...func(*dynamodb.Options),
) (*dynamodb.CreateTableOutput, error) {
	b.created = in
	return &dynamodb.CreateTableOutput{}, nil
}

func (b *backups) UpdateContinuousBackups(
	_ context.Context, in *dynamodb.UpdateContinuousBackupsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	if b.asked++; b.asked <= b.notReady {
		return nil, &smithy.GenericAPIError{Code: "ContinuousBackupsUnavailableException"}
	}
	b.enabled = aws.ToString(in.TableName) == "p-g" &&
		aws.ToBool(in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
	return &dynamodb.UpdateContinuousBackupsOutput{}, nil
}

// TestAProtectedGenerationIsLikeTheOtherTables: tagged, encrypted with the account's
// key, and recoverable to a point in time, even if a first Create ended in between.
func TestAProtectedGenerationIsLikeTheOtherTables(t *testing.T) {
	service := &backups{notReady: 2}
	all := datastoredynamo.New(service, engines.Codec(t), datastoredynamo.Options{Prefix: "p-", Pace: engines.Pace(),
		Random: rand.Reader, Tags: map[string]string{"reprise": "p"}, Protected: true})
	if err := all.Create(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	in := service.created
	if len(in.Tags) != 1 || *in.Tags[0].Key != "reprise" || *in.Tags[0].Value != "p" {
		t.Errorf("tags %v", in.Tags)
	}
	if sse := in.SSESpecification; sse == nil || !aws.ToBool(sse.Enabled) || sse.SSEType != types.SSETypeKms {
		t.Errorf("encryption %+v", sse)
	}
	if !service.enabled || service.asked != 3 {
		t.Errorf("recoverable %t after %d requests", service.enabled, service.asked)
	}
	service.enabled = false
	if err := all.Create(t.Context(), "g"); err != nil || !service.enabled {
		t.Errorf("an existing table: %v, recoverable %t", err, service.enabled)
	}
}
