package emulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ServeUntil serves on a listener until ctx ends, then returns nil. It calls ready once
// clients can connect; open requests may take longer after the end of ctx.
func ServeUntil(
	ctx context.Context, server *http.Server, listener net.Listener, longer time.Duration, ready func(),
) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(CapConnections(listener)) }()
	ready()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), longer)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
