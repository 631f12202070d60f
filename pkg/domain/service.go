package domain

import "reprise/pkg/gateway"

// Service returns the business logic with effects, nil if there is none. Put your own in
// here. It must return the same at every call, with no side effect: what is deployed on AWS
// follows from it. samples.Notifications is an example.
//
// A service begins with the events that are logged after it was deployed first; only on a
// new platform it gets every event.
func Service() gateway.Service { return nil }
