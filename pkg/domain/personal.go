package domain

import "reprise/pkg/personal/sealed"

// Personal declares which fields of which events are personal: they are encrypted with a
// key per data subject, and reprise erase destroys that key. Put your own in here, before
// the first such event: what is in the log already stays as it is.
//
//	return sealed.Rules{"customer.registered": {Fields: []string{"/name", "/email"}}}
//
// A projection gets a sealed value as an opaque JSON object in place of each field. It
// must return the same at every call: what is deployed on AWS follows from it.
// pkg/personal/PERSONAL.md says more.
func Personal() sealed.Rules { return nil }
