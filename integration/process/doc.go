// Package process runs the command line as a process, so that tests can kill it: the
// platform and its clients.
package process
