package dynamo_test

import (
	"crypto/rand"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/control"
	"reprise/pkg/control/controltest"
	"reprise/pkg/control/dynamo"
)

func TestConformance(t *testing.T) {
	open := func(t *testing.T, name string) control.Table {
		return dynamo.New(engines.DynamoDB(t, nil), dynamo.Options{Table: name, Pace: engines.Pace(), Random: rand.Reader})
	}
	name := engines.Table(t)
	controltest.Run(t, func(t *testing.T) control.Table { return open(t, name) }, controltest.Features{
		Reopen: func(t *testing.T, _ control.Table) control.Table { return open(t, name) },
	})
}
