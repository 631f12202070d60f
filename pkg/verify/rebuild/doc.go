// Package rebuild joins a verification of depth rebuild to the replay that it owns: it
// starts the replay, looks at it until it has ended, and lets the verification go on then.
//
// It waits for nothing itself: each call takes a verification as far as it comes at once,
// and says when to look again, so that whoever calls, the state machine, may be killed at
// any step. It knows nothing of how rows are compared (package verify), and of how a
// generation is built (package replay).
package rebuild
