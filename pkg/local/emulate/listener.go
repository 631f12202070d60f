package emulate

import (
	"net"
	"sync"
	"syscall"
)

// maxConnections bounds the open connections, and thereby what requests hold
// without being counted. Further clients wait until one is closed.
const maxConnections = 512

// CapConnections bounds the connections that are open at the same time, to a
// quarter of the file descriptors that the process may have if those are few.
func CapConnections(l net.Listener) net.Listener {
	most := uint64(maxConnections)
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		most = max(8, min(most, files.Cur/4))
	}
	return &capped{Listener: l, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

// capped is a listener that accepts a connection only while it has a slot for it.
type capped struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *capped) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close implements net.Listener.
func (l *capped) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
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
