// Package purity is a check of source code, run by go vet: projections and services use no
// clock, no randomness, no network, no files, no goroutines and no global state, and so
// make the same of the same events on any machine and on any day.
//
// It looks at what functions refer to, also through functions of other packages of the
// module and its dependencies, but not through interfaces and function values, since what
// these hold is known only when the program runs. The order of a map's keys is not checked
// either. The package knows nothing of the platform.
package purity
