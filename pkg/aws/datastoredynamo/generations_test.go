package datastoredynamo_test

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/datastore"
	"reprise/pkg/datastore/datastoretest"
)

func prefix() string { return fmt.Sprintf("test-store-%016x-", mathrand.Uint64()) }

func open(t *testing.T, prefix string, transport http.RoundTripper) *datastoredynamo.Generations {
	return datastoredynamo.New(engines.DynamoDB(t, transport), engines.Codec(t), datastoredynamo.Options{Prefix: prefix,
		Pace: engines.Pace(), Waits: 10_000, Random: rand.Reader})
}

func TestConformance(t *testing.T) {
	all := prefix()
	datastoretest.Run(t, func(t *testing.T) datastore.Generations { return open(t, all, nil) }, datastoretest.Features{
		ModelRuns: engines.ModelRuns,
		Reopen:    func(t *testing.T, _ datastore.Generations) datastore.Generations { return open(t, all, nil) },
	})
}
