package dynamo_test

import (
	"net/http"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/dynamostore"
	"reprise/pkg/eventlog"
	"reprise/pkg/eventlog/dynamo"
	"reprise/pkg/eventlog/eventlogtest"
)

func codec(t testing.TB) *dynamostore.Codec {
	t.Helper()
	c, err := dynamostore.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, table string, transport http.RoundTripper) *dynamo.Log {
	return dynamo.New(engines.DynamoDB(t, transport), codec(t), dynamo.Options{Table: table, Pace: engines.Pace()})
}

func TestConformance(t *testing.T) {
	table := engines.Table(t)
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log { return open(t, table, nil) }, eventlogtest.Features{
		ModelRuns: engines.ModelRuns(),
		Reopen:    func(t *testing.T, _ eventlog.Log) eventlog.Log { return open(t, table, nil) },
	})
}
