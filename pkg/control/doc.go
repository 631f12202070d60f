// Package control is the contract of the control table: small documents under a
// partition and a sort key, each written only if its version is the one that was
// read. Other packages store heads, manifests, replays, checkpoints, leases,
// epochs and the registry of generations in it.
//
// It also offers typed access to documents. It does not know the meaning of any
// document. Every adapter passes controltest.
package control
