package engines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table creates an on-demand table with the string keys pk and sk, as the stacks
// do, and deletes it at the end of the test.
func Table(t testing.TB) string {
	t.Helper()
	client := DynamoDB(t, nil)
	name := fmt.Sprintf("test-%016x", rand.Uint64())
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{key("pk", types.KeyTypeHash), key("sk", types.KeyTypeRange)},
		AttributeDefinitions: []types.AttributeDefinition{text("pk"), text("sk")},
	})
	if err != nil {
		t.Fatalf("create table %s: %v", name, err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Errorf("delete table %s: %v", name, err)
		}
	})
	WaitActive(t, client, name)
	return name
}

// WaitActive waits until a table can be used.
func WaitActive(t testing.TB, client *dynamodb.Client, name string) {
	t.Helper()
	pace := Pace()
	for range 1000 {
		out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(name)})
		if err == nil && out.Table.TableStatus == types.TableStatusActive {
			return
		}
		if err := errors.Join(err, pace.Sleep(t.Context(), pace.Cap)); err != nil {
			t.Fatalf("wait for table %s: %v", name, err)
		}
	}
	t.Fatalf("table %s did not become active", name)
}
