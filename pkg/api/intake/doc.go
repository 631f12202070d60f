// Package intake accepts events over HTTP: it parses and validates CloudEvents in every
// content mode, divides them by lane, and puts them into the event stream.
//
// It does not write the log; that is the pump's. It decides nothing about entities.
package intake
