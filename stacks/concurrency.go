package stacks

import "fmt"

// The platform must run in a new account, which may have 10 concurrent executions for
// all functions. Lambda gives them to whoever asks first, so the functions that run by
// themselves must leave some over: otherwise a replay could starve the pump.
const (
	// forRequests is what they leave to the HTTP API.
	forRequests = 2
	// defaultParallelization and defaultReaders are chosen if the account allows them.
	defaultParallelization = 4
	defaultReaders         = 8
	fewestReaders          = 2
	// unreservable is what Lambda refuses to reserve for a function.
	unreservable = 100
)

// busiest is the largest number of functions that run by themselves at a time: the
// consumers of every shard, with one batch per parallelization each, keep-consumers,
// and either the segment readers or a step. retry-effects, of which one runs for moments
// unless effects wait, takes from what is left to the HTTP API; a call of it that finds no
// room is kept and repeated.
//
// While a replay reads, the active generation and the rollback target follow the event
// stream. A rebuilt generation follows it too, but only after the readers have ended.
func (c Config) busiest() int {
	const keeper, step = 1, 1
	batches, fixed := c.Shards*c.Parallelization, len(c.deployed("pump-events", microservice))
	reading := batches*(fixed+2) + c.PlaybackShards*c.Parallelization + c.Readers + keeper
	switching := batches*(fixed+3) + step + keeper
	return max(reading, switching)
}

func (c Config) fits() bool { return c.busiest()+forRequests <= c.Concurrency }

// shareConcurrency chooses the parallelization and the readers that are not set, and
// checks that the account allows what is set.
func (c *Config) shareConcurrency() error {
	parallelization, readers := c.Parallelization, c.Readers
	most, fewest := defaultParallelization, 1
	if parallelization > 0 {
		most, fewest = parallelization, parallelization
	}
	for c.Parallelization = most; c.Parallelization >= fewest; c.Parallelization-- {
		if c.Readers = readers; readers > 0 {
			if c.fits() {
				return nil
			}
			continue
		}
		for c.Readers = defaultReaders; c.Readers >= fewestReaders; c.Readers-- {
			if c.fits() {
				return nil
			}
		}
	}
	c.Parallelization, c.Readers = fewest, max(readers, fewestReaders)
	return fmt.Errorf("reprise:concurrency %d is too little: %d shards, %d playback shards, reprise:parallelization %d "+
		"and reprise:readers %d need %d concurrent executions. Lower these settings, or ask Service Quotas for more and "+
		"set reprise:concurrency to the limit that reprise doctor shows",
		c.Concurrency, c.Shards, c.PlaybackShards, c.Parallelization, c.Readers, c.busiest()+forRequests)
}

// reserved is the concurrency that is reserved for the pump, 0 for none: enough for its
// batches while old and new shards are read after a change of their number. A
// reservation is refused if it leaves the account less than Lambda's minimum.
func (c Config) reserved() int {
	n := 2 * c.Shards * c.Parallelization
	if c.Concurrency-n < max(unreservable, c.busiest()+forRequests) {
		return 0
	}
	return n
}
