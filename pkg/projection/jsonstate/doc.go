// Package jsonstate judges types by what encoding/json makes of their values.
//
// It decides whether a type survives JSON unchanged (Carried), and whether a value
// has to be decoded again to be sure of that (Plainness). It knows nothing of what
// the state is for.
package jsonstate
