// Package damage contains scenarios of a disk that lost an event and of a full disk.
// It tests that the platform reports the damage and continues where it can.
package damage
