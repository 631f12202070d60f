// Package spending keeps what replays use and says what that costs.
//
// What lives here: the documents in which functions add up what they used for a
// replay, and the report made of them. What must not: how use is counted and
// priced, which is package meter, and what replays do.
package spending
