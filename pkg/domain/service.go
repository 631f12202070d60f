package domain

import "reprise/pkg/gateway"

// Service is the platform's business logic with effects, and its way to the
// outside; nil where there is none. Put your own in here.
func Service() (gateway.Service, gateway.Gateway) { return nil, gateway.Refusing{} }
