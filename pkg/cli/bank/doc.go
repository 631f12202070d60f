// Package bank is the demonstration of effects: a bank whose fees were wrong for a week,
// with a stand-in for the systems that it calls.
//
// What lives here: the events, what is owed for them, the story, and how it is judged. What
// must not: how effects are recorded, compared and sent, which is the platform's matter.
package bank
