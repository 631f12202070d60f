// Package mask replaces what is personal in events, by rules that say so for each type
// of event. MASKING.md describes the rules.
//
// It is pure: the same rules, key and event always give the same event. What the rules do
// not cover is refused, never passed on. It does not know where events come from.
package mask
