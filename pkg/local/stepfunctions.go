package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/local/emulate"
)

// serveStepFunctions serves the API of AWS Step Functions (AWS JSON 1.0) for the
// platform's state machines: region "local", account 000000000000, any credentials.
// Requests wait while the platform is opened again.
func (p *Platform) serveStepFunctions(w http.ResponseWriter, r *http.Request) {
	p.front.RLock()
	defer p.front.RUnlock()
	p.wire.Load().ServeHTTP(w, r)
}

// listeners are those of one run; stepFunctions is nil if that API is not served.
type listeners struct{ api, stepFunctions net.Listener }

// listen opens what the options ask for. A port that is in use is no error if
// StepFunctionsAnyPort allows another one.
func (o *Options) listen() (listeners, error) {
	api, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return listeners{}, fmt.Errorf("listen: %w", err)
	}
	all := listeners{api: api}
	if o.StepFunctionsAddr == "" {
		return all, nil
	}
	all.stepFunctions, err = net.Listen("tcp", o.StepFunctionsAddr)
	if errors.Is(err, syscall.EADDRINUSE) && o.StepFunctionsAnyPort {
		all.stepFunctions, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrStepFunctionsAddr, err)
		return listeners{}, errors.Join(err, api.Close())
	}
	return all, nil
}

// ErrStepFunctionsAddr means that the Step Functions API cannot listen on its address.
var ErrStepFunctionsAddr = errors.New("the Step Functions API cannot listen")

// close closes the listeners of a platform that could not be opened.
func (l listeners) close() error {
	err := l.api.Close()
	if l.stepFunctions != nil {
		err = errors.Join(err, l.stepFunctions.Close())
	}
	return err
}

// serve runs the platform on the listeners until ctx ends.
func (p *Platform) serve(ctx context.Context, on listeners, stdout io.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	ready := func() {
		_, _ = fmt.Fprintf(stdout, "ready http://%s\n", on.api.Addr())
		if on.stepFunctions != nil {
			_, _ = fmt.Fprintf(stdout, "stepfunctions http://%s\n", on.stepFunctions.Addr())
		}
		_, _ = fmt.Fprintf(stdout, "console http://%s/\n", on.api.Addr())
	}
	group.Go(func() error { return p.Serve(ctx, on.api, ready) })
	if on.stepFunctions != nil {
		server := emulate.Server(http.HandlerFunc(p.serveStepFunctions), nil, p.options.Log)
		group.Go(func() error { return emulate.ServeUntil(ctx, server, on.stepFunctions, shutdownTime, func() {}) })
	}
	return group.Wait()
}
