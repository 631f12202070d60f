// Package guard keeps what a service or a system does wrong from harming others: a reaction
// that panics or never returns, and a system that does not answer.
//
// What must not live here: records, retries of an entity, or anything that is stored.
package guard
