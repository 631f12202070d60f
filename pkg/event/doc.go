// Package event holds what an event is: the CloudEvents 1.0 envelope with its
// parser and canonical encoding, the position of an event in the log, the lane
// of an entity, and the escaping of entity ids in keys.
//
// It uses the standard library only and does no I/O. What reads or writes
// events anywhere belongs in the packages around it; so does compression, which
// package record adds.
package event
