package deployed

import (
	"maps"
	"sync"
)

// Kill is an order to end a function's processes in the middle of their work:
// when they have sent Nth requests that write to Target.
type Kill struct {
	// Folder is the function's.
	Folder string
	// Service is "dynamodb" or "kinesis"; Target begins the name of the table
	// or stream that is written to.
	Service, Target string
	// Nth is how many such requests pass before each kill, so that a batch is
	// done in part; Times is how often there is one.
	Nth, Times int
}

// kills are the orders under way in a world. It is safe for concurrent use.
type kills struct {
	world *World

	mu      sync.Mutex
	pending []*order
	done    map[string]int
}

type order struct {
	Kill
	seen int
}

// Kill carries orders out from now on, beside those given before.
func (w *World) Kill(kills ...Kill) {
	k := w.kills
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kill := range kills {
		k.pending = append(k.pending, &order{Kill: kill})
	}
}

// Killed is how often each function was killed while it worked, by its folder.
func (w *World) Killed() map[string]int {
	w.kills.mu.Lock()
	defer w.kills.mu.Unlock()
	return maps.Clone(w.kills.done)
}

// observe counts a request to a service and kills what is due, before the
// request goes on.
func (k *kills) observe(service, operation string, body []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, o := range k.pending {
		if o.Times == 0 || o.Service != service || !writesTo(o.Target, operation, body) {
			continue
		}
		if o.seen++; o.seen < o.Nth {
			continue
		}
		// The request may be another function's: then nothing is under way, and
		// the order waits for the next one.
		if n := k.world.Host.Kill(k.world.Name(o.Folder)); n > 0 {
			o.seen = 0
			o.Times--
			k.done[o.Folder] += n
		}
	}
}
