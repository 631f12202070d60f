// Package cloudevents sends events as other people's producers do: with the
// CloudEvents SDKs for Go and JavaScript, in every content mode, and as the HTTP cases
// of the CloudEvents conformance features have them. Each request goes to the platform
// on one machine, directly and through API Gateway's form. The tests compare what the
// log then holds with what was sent, attribute by attribute.
//
// The Go SDK is a dependency of this module, used by tests only: it was one already,
// for the tests of pkg/event, and adds only two indirect modules to go.mod. A module of
// its own for the producer would have to be built whenever the tests run. The JavaScript
// SDK comes from integration/npm. The Java SDK is not tested: no package registry that
// the tests can use has it.
package cloudevents
