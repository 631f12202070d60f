package emulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// firstRequestTime is how long after the end of its context a server waits for the first
// request on a connection that is open already.
const firstRequestTime = 100 * time.Millisecond

// ServeUntil serves on a listener until ctx ends, then returns nil. It calls ready once
// clients can connect; open requests may take longer after the end of ctx. It bounds the
// open connections, for which it sets server.ConnState.
func ServeUntil(
	ctx context.Context, server *http.Server, listener net.Listener, longer time.Duration, ready func(),
) error {
	all := newConnections(listener)
	server.ConnState = all.note
	served := make(chan error, 1)
	go func() { served <- server.Serve(all) }()
	ready()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), longer)
	defer cancel()
	closing := time.AfterFunc(firstRequestTime, all.closeUnused)
	defer closing.Stop()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
