package emulate

import (
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// maxConnections bounds the open connections, and thereby what requests hold
// without being counted.
const maxConnections = 512

// connections are those of one server, whose listener and ConnState they are. While as
// many are open as may be, a further client gets the place of the one that has been idle
// for longest; if none is idle, it waits. It is safe for concurrent use.
type connections struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}

	mu sync.Mutex
	// unused have had no request yet. Browsers and Go's client open some that they may
	// never need.
	unused map[net.Conn]bool
	// idle wait for another request, numbered in the order in which they became so.
	idle    map[net.Conn]uint64
	turn    uint64
	waiting bool
}

// newConnections bounds the open connections to a quarter of the file descriptors that
// the process may have if those are few.
func newConnections(l net.Listener) *connections {
	most := uint64(maxConnections)
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		most = max(8, min(most, files.Cur/4))
	}
	return boundedConnections(l, int(most)) //nolint:gosec // at most maxConnections
}

func boundedConnections(l net.Listener, most int) *connections {
	return &connections{
		Listener: l,
		slots:    make(chan struct{}, most),
		closed:   make(chan struct{}),
		unused:   make(map[net.Conn]bool),
		idle:     make(map[net.Conn]uint64),
	}
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.wait(true)
		defer l.wait(false)
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close implements net.Listener.
func (l *connections) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// wait says whether a client waits for a place, which it gets if one is idle.
func (l *connections) wait(waiting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = waiting
	if waiting {
		l.giveUpIdle()
	}
}

// giveUpIdle closes the connection that has been idle for longest.
func (l *connections) giveUpIdle() {
	var longest net.Conn
	first := uint64(math.MaxUint64)
	for c, turn := range l.idle {
		if turn < first {
			longest, first = c, turn
		}
	}
	if longest != nil {
		delete(l.idle, longest)
		_ = longest.Close() // its client sees what it sees when an idle connection ends
	}
}

// note is the server's ConnState.
func (l *connections) note(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.unused, c)
	delete(l.idle, c)
	switch state {
	case http.StateNew:
		l.unused[c] = true
	case http.StateIdle:
		l.turn++
		l.idle[c] = l.turn
		if l.waiting {
			l.giveUpIdle()
		}
	case http.StateActive, http.StateHijacked, http.StateClosed:
	}
}

// closeUnused closes what has had no request. http.Server.Shutdown would wait for each
// until it is five seconds old.
func (l *connections) closeUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.unused {
		_ = c.Close() // no request is lost, and the server closes it once more
	}
}

// slotted is a connection that has a slot until it is closed.
type slotted struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *slotted) Close() error {
	defer c.release()
	return c.Conn.Close()
}
