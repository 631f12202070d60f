// Package runbooks carries out the runbooks of .github/RUNBOOKS.md for one machine, with
// the program as a process.
package runbooks
