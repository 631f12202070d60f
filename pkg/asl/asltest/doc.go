// Package asltest holds what adapters and callers of package asl test with: a
// journal in memory and the conformance suite that every journal passes.
//
// What must not live here: anything that production code imports.
package asltest
