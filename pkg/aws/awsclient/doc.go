// Package awsclient is what all adapters of AWS services share: the retryer
// and HTTP client that their SDK clients are built with, what an error of the
// SDK means for the caller, and the pace of retries that only an adapter can
// make.
//
// What lives here: knowledge of the SDK that belongs to no single service. What
// must not: a service's own calls, or a contract of this project.
package awsclient
