package deployed

import (
	"maps"
	"sync"
)

// Kill is an order to kill a function's processes in the middle of their work, when
// they send their Nth write to Target.
type Kill struct {
	// Folder is the function's folder.
	Folder string
	// Service is "dynamodb" or "kinesis"; the name of the table or stream begins
	// with Target.
	Service, Target string
	// Nth is the number of the write at which each kill happens, so that a batch is
	// done in part; Times is the number of kills.
	Nth, Times int
}

// kills are the pending orders of a world. It is safe for concurrent use.
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

// Kill adds orders to be carried out from now on.
func (w *World) Kill(kills ...Kill) {
	k := w.kills
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kill := range kills {
		k.pending = append(k.pending, &order{Kill: kill})
	}
}

// Killed is how many processes were killed while they worked, by the function's
// folder.
func (w *World) Killed() map[string]int {
	w.kills.mu.Lock()
	defer w.kills.mu.Unlock()
	return maps.Clone(w.kills.done)
}

// observe counts a request to a service and carries out orders before the request
// continues.
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
		// The request may be another function's. If the ordered function is idle,
		// the order waits for the next request.
		if n := k.world.Host.Kill(k.world.Name(o.Folder)); n > 0 {
			o.seen = 0
			o.Times--
			k.done[o.Folder] += n
		}
	}
}
