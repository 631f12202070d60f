// Package outgoing serves what business logic sends to external systems: the effects log,
// entities whose effects wait, what a replay would have sent otherwise, and approvals.
//
// What lives here: requests, answers and problems. What must not: how effects are carried
// out, compared or approved, which are packages effects and approval.
package outgoing
