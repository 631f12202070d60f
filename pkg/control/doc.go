// Package control is the contract of the control table: small documents under
// a partition and a sort key, each changed on condition of the version that
// was read. Heads, manifests, replays, checkpoints, leases, epochs and the
// registry of generations are kept in it by the packages that own them.
//
// What lives here: the contract and typed access to documents. What must not:
// the meaning of any document. Adapters lie below it and pass controltest.
package control
