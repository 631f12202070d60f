// Package event defines events: the CloudEvents 1.0 envelope with its parser and
// canonical encoding, an event's position in the log, an entity's lane, and the
// escaping of entity ids in keys.
//
// It uses the standard library only and does no I/O. Package record adds
// compression.
package event
