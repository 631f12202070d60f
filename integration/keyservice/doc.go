// Package keyservice stands in for AWS KMS in tests, for the operations that the platform
// calls: by the methods of the SDK's client, and by the protocol of the service. There is
// no engine of KMS that can be had without a container.
package keyservice
