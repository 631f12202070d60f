package eventlogdynamo_test

import (
	"net/http"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/eventlogdynamo"
	"reprise/pkg/eventlog"
	"reprise/pkg/eventlog/eventlogtest"
)

func open(t *testing.T, table string, transport http.RoundTripper) *eventlogdynamo.Log {
	return eventlogdynamo.New(engines.DynamoDB(t, transport), engines.Codec(t), eventlogdynamo.Options{
		Table: table,
		Pace:  engines.Pace(),
	})
}

func TestConformance(t *testing.T) {
	table := engines.Table(t)
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log { return open(t, table, nil) }, eventlogtest.Features{
		ModelRuns: engines.ModelRuns,
		Reopen:    func(t *testing.T, _ eventlog.Log) eventlog.Log { return open(t, table, nil) },
	})
}
