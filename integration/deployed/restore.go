package deployed

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Contents are all items of some tables, by the tables' names.
type Contents map[string][]map[string]types.AttributeValue

// Tables returns what the tables with these names contain. The caller sees to it that
// nothing writes to them meanwhile.
func (w *World) Tables(names ...string) Contents {
	w.t.Helper()
	client, contents := w.DynamoDB(), make(Contents)
	for _, name := range names {
		contents[name] = nil
		pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(w.t.Context())
			if err != nil {
				w.t.Fatalf("scan table %s: %v", name, err)
			}
			contents[name] = append(contents[name], page.Items...)
		}
	}
	return contents
}

// Restore deletes tables and creates them again with other contents, as somebody does
// who restores them from a backup. Stop what writes to them before.
func (w *World) Restore(contents Contents) {
	w.t.Helper()
	client := w.DynamoDB()
	for _, table := range w.options.Deployment.Tables {
		if _, restored := contents[table.Name]; restored {
			w.dropTable(client, table.Name)
			w.createTable(client, table)
		}
	}
	for name, items := range contents {
		w.fill(client, name, items)
	}
}

func (w *World) fill(client *dynamodb.Client, name string, items []map[string]types.AttributeValue) {
	w.t.Helper()
	for batch := range slices.Chunk(items, 25) { // the most that a request may have
		var requests []types.WriteRequest
		for _, item := range batch {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		}
		for requests != nil {
			out, err := client.BatchWriteItem(w.t.Context(),
				&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: requests}})
			if err != nil {
				w.t.Fatalf("restore table %s: %v", name, err)
			}
			requests = out.UnprocessedItems[name]
		}
	}
}

// DropGenerations deletes the tables of all generations.
func (w *World) DropGenerations() {
	w.t.Helper()
	client := w.DynamoDB()
	list, err := client.ListTables(w.t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range list.TableNames {
		if strings.HasPrefix(name, w.Name("generation-")) {
			w.dropTable(client, name)
		}
	}
}

func (w *World) dropTable(client *dynamodb.Client, name string) {
	w.t.Helper()
	if _, err := client.DeleteTable(w.t.Context(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
		w.t.Fatalf("delete table %s: %v", name, err)
	}
	gone := eventually(w.t, func() bool {
		_, err := client.DescribeTable(w.t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		return err != nil
	})
	if !gone {
		w.t.Fatalf("table %s is not deleted within %s", name, patience)
	}
}

// Lambda is a client of the Lambda API, as the AWS CLI is. Its calls go through no proxy.
func (w *World) Lambda() *lambda.Client {
	return lambda.New(lambda.Options{
		Region:       place().Region,
		BaseEndpoint: &w.functions,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}
