// Package readback reads for tests what a platform stores and sends: an entity's
// history through the API, and a replay's playback stream as a subscriber.
package readback
