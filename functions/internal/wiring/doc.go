// Package wiring puts functions together: what package platform makes, over the
// adapters of AWS, as package local does over the embedded store.
//
// What lives here: clients, constants of the platform on AWS, logs. What must
// not: business rules, or the environment, which package settings reads.
package wiring
