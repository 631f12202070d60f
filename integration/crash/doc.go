// Package crash runs the platform as a process and kills it with SIGKILL while it
// accepts events and while it rebuilds. It tests that nothing is lost or done twice
// with real processes and disks. Package simulation tests crashes between any two
// writes.
package crash
