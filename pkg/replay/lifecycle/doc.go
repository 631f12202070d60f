// Package lifecycle starts, ends and shows replays.
//
// Service starts and cancels replays, Closer ends them and removes what they leave
// behind, and Viewer shows them. The work of a replay is in package replay, and how
// its generation becomes active in package cutover.
package lifecycle
