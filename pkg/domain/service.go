package domain

import "reprise/pkg/gateway"

// Service returns the business logic with effects, nil if there is none, and the
// gateway through which it reaches external systems. Put your own in here.
func Service() (gateway.Service, gateway.Gateway) { return nil, gateway.Refusing{} }
