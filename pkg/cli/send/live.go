package send

import (
	"context"
	"io"
	"time"
)

// live reads an input that is written meanwhile. While it waits for more, it
// flushes what was read once that is due, and it stops waiting when its context
// ends. One goroutine may use it.
type live struct {
	ctx    context.Context
	blocks <-chan block
	// spare returns the buffer of the last block to the reader.
	spare chan<- []byte
	held  block
	due   func() (rest time.Duration, lines bool)
	flush func()
}

// block is what one read of the input returned.
type block struct {
	buffer, data []byte
	err          error
}

// newLive starts to read r. due says whether lines that were read wait, and for how
// long they still may; after flush they may wait longer than before.
func newLive(ctx context.Context, r io.Reader, due func() (time.Duration, bool), flush func()) *live {
	blocks, spare := make(chan block), make(chan []byte, 2)
	spare <- make([]byte, readBuffer)
	spare <- make([]byte, readBuffer)
	go pull(ctx, r, blocks, spare)
	return &live{ctx: ctx, blocks: blocks, spare: spare, due: due, flush: flush}
}

// pull reads r block by block until an error or the end of ctx. A read that never
// returns keeps it until the process ends.
func pull(ctx context.Context, r io.Reader, blocks chan<- block, spare <-chan []byte) {
	for {
		var buffer []byte
		select {
		case buffer = <-spare:
		case <-ctx.Done():
			return
		}
		n, err := r.Read(buffer)
		select {
		case blocks <- block{buffer, buffer[:n], err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (l *live) Read(b []byte) (int, error) {
	for len(l.held.data) == 0 {
		if l.held.err != nil {
			return 0, l.held.err
		}
		if l.held.buffer != nil {
			l.spare <- l.held.buffer
			l.held = block{}
		}
		if err := l.wait(); err != nil {
			return 0, err
		}
	}
	n := copy(b, l.held.data)
	l.held.data = l.held.data[n:]
	return n, nil
}

// wait waits for the next block.
func (l *live) wait() error {
	for {
		var due <-chan time.Time
		rest, lines := l.due()
		switch {
		case lines && rest <= 0:
			l.flush()
			continue
		case lines:
			due = time.After(rest)
		}
		select {
		case l.held = <-l.blocks:
			return nil
		case <-due:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

// outlive returns a context that ends grace after ctx.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() {
		stop()
		cancel()
	}
}
