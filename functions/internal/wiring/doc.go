// Package wiring puts functions together: handlers of package handler over the
// adapters of AWS, as package local does over the embedded store.
//
// What lives here: clients, constants of the platform on AWS, logs. What must
// not: business rules, or the environment, which package settings reads.
package wiring
