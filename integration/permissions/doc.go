// Package permissions compares the calls of deployed functions with the policies of their
// roles, as IAM does, for tests in which no IAM stands between a function and a service.
//
// It knows the services that the platform calls, and starts nothing itself.
package permissions
