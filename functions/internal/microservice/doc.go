// Package microservice hands the events of the live path to business logic that
// has effects, behind the gateway.
//
// What lives here: decoding, order and redelivery. What must not: business
// logic, or a way to the outside that is not the gateway.
package microservice
