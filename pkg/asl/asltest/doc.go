// Package asltest holds test support for the packages below asl and for their
// adapters and callers: definitions, functions, an engine in a synctest bubble,
// a journal in memory, and the conformance suite for journals. Production code
// must not import it.
package asltest
