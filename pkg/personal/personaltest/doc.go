// Package personaltest tests the contracts of package personal: every store of keys and
// every wrapper passes it.
package personaltest
