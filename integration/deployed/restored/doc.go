// Package restored carries out the runbook of .github/RUNBOOKS.md for a damaged log on
// AWS: its tables are restored, and the event stream brings back what came since.
package restored
