// Package budget lets the readers of a replay count together what it has used, and look
// at that often enough to stop soon after a budget is used up.
//
// What lives here: who enters what and when, and whose turn it is to look. What must
// not: what anything costs (package spending), or what a replay does then.
package budget
