// Package wiring builds the functions from package platform and the adapters of
// AWS, as package local does with those of the embedded store.
//
// What lives here: clients, constants of the platform on AWS, logs. What must not:
// business rules, or reading the environment (package settings).
package wiring
