package controldynamo_test

import (
	"crypto/rand"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/control"
	"reprise/pkg/control/controltest"
)

func TestConformance(t *testing.T) {
	name := engines.Table(t)
	controltest.Run(t, func(t *testing.T) control.Table { return plain(t, name) }, controltest.Features{
		ModelRuns: engines.ModelRuns,
		Reopen:    func(t *testing.T, _ control.Table) control.Table { return plain(t, name) },
	})
}

func plain(t *testing.T, name string) *controldynamo.Table {
	return controldynamo.New(engines.DynamoDB(t, nil), controldynamo.Options{
		Table:  name,
		Pace:   engines.Pace(),
		Random: rand.Reader,
	})
}
