// Package replays holds the commands of reprise replay, and how the progress and
// the end of a replay read to people.
//
// What must not live here: other commands, or requests to the API (package
// client).
package replays
