// Package crash kills the platform, a process of its own, with SIGKILL while it
// takes in events and while it rebuilds.
//
// What lives here: that nothing is lost or done twice over real processes and
// disks. What must not: crashes between two writes, which package simulation
// forces one by one.
package crash
