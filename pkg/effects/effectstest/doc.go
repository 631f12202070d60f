// Package effectstest has a service and a system for tests, which are told what to do, and
// a table that fails by chance. It contains no assertions.
package effectstest
