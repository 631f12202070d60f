// Package asltest holds what the packages of the state machine runner, and their
// adapters and callers, test with: definitions, functions, an engine in a
// bubble of time, a journal in memory, and the conformance suite that every
// journal passes.
//
// What must not live here: anything that production code imports.
package asltest
