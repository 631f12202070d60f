// Package story runs the story in STORY.md: a team's own domain, a bug in it, and the way
// from its discovery to states that are right.
package story
