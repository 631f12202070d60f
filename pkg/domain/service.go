package domain

import "reprise/pkg/gateway"

// Service returns the business logic with effects, nil if there is none, and the
// gateway through which it reaches external systems. Put your own in here. It must
// return the same at every call, with no side effect: what is deployed on AWS follows
// from it.
//
// A service that is new to a platform first gets the events that the event stream still
// has, of seven days by default; one that must not react to those compares their times.
func Service() (gateway.Service, gateway.Gateway) { return nil, gateway.Refusing{} }
