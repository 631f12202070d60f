package verify_test

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"reprise/integration/engines"
	"reprise/pkg/aws/controldynamo"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/aws/eventlogdynamo"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/pebbletest"
)

// stores are those of a platform.
type stores struct {
	Table       control.Table
	Generations datastore.Generations
	Log         eventlog.Log
}

// opener opens empty stores, until the end of the test.
type opener func(testing.TB) stores

func embedded(t testing.TB) stores {
	s := pebbletest.Open(t)
	return stores{s.Table, s.Generations, s.Log}
}

// dynamo are the stores of a deployment, over the wire.
func dynamo(t testing.TB) stores {
	client, codec, pace := engines.DynamoDB(t, nil), engines.Codec(t), engines.Pace()
	prefix := fmt.Sprintf("test-verify-%016x-", mathrand.Uint64())
	return stores{
		Table: controldynamo.New(client, controldynamo.Options{Table: engines.Table(t), Pace: pace, Random: rand.Reader}),
		Generations: datastoredynamo.New(client, codec,
			datastoredynamo.Options{Prefix: prefix, Pace: pace, Waits: 10_000, Random: rand.Reader}),
		Log: eventlogdynamo.New(client, codec, eventlogdynamo.Options{Table: engines.Table(t), Pace: pace}),
	}
}

// onBoth runs a test on the stores of one machine and on those of a deployment.
func onBoth(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Run("one machine", func(t *testing.T) { test(t, embedded) })
	t.Run("deployment", func(t *testing.T) { test(t, dynamo) })
}

// clock is a clock that only pass moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
