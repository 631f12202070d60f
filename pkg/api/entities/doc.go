// Package entities serves what a client can ask about entities over HTTP: rows,
// histories, parked entities, quarantined records; and it accepts corrections.
//
// It reads the log and the Data Store through their contracts, and changes neither: a
// correction is an event that package intake appends.
package entities
