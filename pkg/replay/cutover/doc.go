// Package cutover creates a rebuild's generation and makes it the active one.
//
// Promoter prepares the generation, gives it its consumer once the replay is proved,
// and flips to it under a hold, after checking the proof's evidence again; people choose
// other generations in the same way. Comparer says what a promotion would change. How the
// generation is filled and proved is in package replay.
package cutover
