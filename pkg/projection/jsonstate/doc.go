// Package jsonstate judges types by what encoding/json makes of their values.
//
// What lives here: whether a type comes back from JSON as it was (Carried), and
// whether a value need be decoded anew to be sure of that (Plainness). What must
// not: what such a state is for.
package jsonstate
