package local

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/local/emulate"
)

// shutdownTime is how long open requests may take after the end of ctx.
const shutdownTime = 5 * time.Second

// Run opens a platform, serves it until ctx ends, and closes it. It prints
// "ready http://ADDRESS" on stdout once it accepts requests, then, if it serves the Step
// Functions API, "stepfunctions http://ADDRESS", and "console http://ADDRESS/", where the
// web pages are.
func Run(ctx context.Context, options Options, stdout, stderr io.Writer) error {
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	options, err := options.withDefaults()
	if err != nil {
		return err
	}
	// Listen first: if the address is in use, nothing is created.
	on, err := options.listen()
	if err != nil {
		return err
	}
	p, err := Open(ctx, options)
	if err != nil {
		return errors.Join(err, on.close())
	}
	return errors.Join(p.serve(ctx, on, stdout), p.Close())
}

// Serve runs the platform on a listener until ctx ends, then returns nil. It
// calls ready once it accepts requests.
func (p *Platform) Serve(ctx context.Context, listener net.Listener, ready func()) error {
	if !p.db.ReadOnly() {
		p.warnOfVersion(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.work(ctx) })
	group.Go(func() error { return p.serveHTTP(ctx, listener, ready) })
	err := group.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

func (p *Platform) serveHTTP(ctx context.Context, listener net.Listener, ready func()) error {
	server := emulate.Server(p, p.hold, p.options.Log)
	server.RegisterOnShutdown(p.live.Close) // live feeds would otherwise not end
	return emulate.ServeUntil(ctx, server, listener, shutdownTime, ready)
}

// warnOfVersion logs a warning if the active generation belongs to other versions of the
// projections than this program's, so that it is not updated, or if that is not known.
func (p *Platform) warnOfVersion(ctx context.Context) {
	registered, err := p.core.Registry().Load(ctx)
	if err != nil {
		p.options.Log.LogAttrs(ctx, slog.LevelWarn, "the version of the active generation is not known",
			slog.String("error", err.Error()))
		return
	}
	if info, found := registered.Find(registered.Active); found && info.Version != p.core.Applier.Version() {
		p.options.Log.LogAttrs(
			ctx,
			slog.LevelWarn,
			"the active generation belongs to other versions of the projections and stands still; "+
				"the log goes on. Replace it with: reprise replay start --rebuild --promote",
			slog.String("generation", info.ID),
			slog.String("its", info.Version),
			slog.String("this", p.core.Applier.Version()),
		)
	}
}
