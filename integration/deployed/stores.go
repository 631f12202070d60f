package deployed

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"reprise/integration/engines"
	"reprise/integration/template"
	"reprise/pkg/aws/feedkinesis"
)

// createStores creates the tables and streams of the templates, and their proxies.
func (w *World) createStores() {
	w.t.Helper()
	w.engines = engines.Own(w.t)
	tables, streams := w.DynamoDB(), w.engines.Kinesis(nil)
	w.streams = feedkinesis.New(streams, feedkinesis.Options{Pace: engines.Pace()})
	w.t.Cleanup(func() { w.dropStores(tables) })
	for _, table := range w.options.Deployment.Tables {
		w.createTable(tables, table)
	}
	for _, stream := range w.options.Deployment.Streams {
		if _, err := w.streams.Create(w.t.Context(), stream.Name, stream.Shards); err != nil {
			w.t.Fatal(err)
		}
	}
	w.proxy("dynamodb", aws.ToString(tables.Options().BaseEndpoint))
	w.proxy("kinesis", aws.ToString(streams.Options().BaseEndpoint))
}

func (w *World) createTable(client *dynamodb.Client, table template.Table) {
	w.t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &table.Name, BillingMode: types.BillingModePayPerRequest}
	add := func(name, kind string, key types.KeyType) {
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: &name, KeyType: key})
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeType(kind)})
	}
	add(table.Hash, table.HashType, types.KeyTypeHash)
	if table.Range != "" {
		add(table.Range, table.RangeType, types.KeyTypeRange)
	}
	if _, err := client.CreateTable(w.t.Context(), in); err != nil {
		w.t.Fatalf("create table %s: %v", table.Name, err)
	}
	engines.WaitActive(w.t, client, table.Name)
}

// dropStores deletes every table that begins with the prefix, including those of
// generations, and every stream of the templates.
func (w *World) dropStores(client *dynamodb.Client) {
	ctx := context.WithoutCancel(w.t.Context())
	list, err := client.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		w.t.Errorf("list tables: %v", err)
		return
	}
	for _, name := range list.TableNames {
		if !strings.HasPrefix(name, w.options.Prefix+"-") {
			continue
		}
		_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		// The platform's last function may have dropped a generation since.
		if gone := new(types.ResourceNotFoundException); err != nil && !errors.As(err, &gone) {
			w.t.Errorf("delete table %s: %v", name, err)
		}
	}
	for _, stream := range w.options.Deployment.Streams {
		if err := w.streams.Delete(ctx, stream.Name); err != nil {
			w.t.Errorf("delete stream: %v", err)
		}
	}
}
