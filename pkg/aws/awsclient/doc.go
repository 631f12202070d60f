// Package awsclient is what all adapters of AWS services share: the retryer and
// HTTP client of their SDK clients, the meaning of SDK errors for the caller, and
// the pace of retries that adapters make themselves.
//
// What lives here: knowledge of the SDK that belongs to no single service. What
// must not: a service's own calls, or a contract of this project.
package awsclient
