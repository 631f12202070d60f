// Package approval sends out the effects that a replay has found to differ, once a person
// has approved them: each once, resumable at any moment, and no faster than allowed.
//
// What lives here: approvals and their progress. What must not: how effects are compared
// and carried out, which is package effects.
package approval
