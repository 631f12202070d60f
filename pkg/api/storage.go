package api

import "time"

// StorageStatus describes the disk of a platform on one machine.
type StorageStatus struct {
	State StorageState `json:"state"`
	// FreeBytes is the free space on the disk, null if unknown; writes are refused
	// while it is less than ReserveBytes.
	FreeBytes    *int64 `json:"freeBytes"`
	ReserveBytes int64  `json:"reserveBytes"`
	// Damaged are the files of which a part cannot be read, as far as this was
	// noticed since the platform was started.
	Damaged []DamagedFile `json:"damaged"`
	// Lost are the records with accepted events that are missing.
	Lost []LostRecords `json:"lost"`
	// Warnings say what else an operator should know.
	Warnings []string `json:"warnings"`
}

// StorageState says what the platform can do.
type StorageState string

// The states of the storage.
const (
	// StorageOK: reads and writes work.
	StorageOK StorageState = "ok"
	// StorageFull: reads work, writes are refused until there is room.
	StorageFull StorageState = "full"
	// StorageFailed: reads work, writes are refused until the platform is started
	// again.
	StorageFailed StorageState = "failed"
)

// DamagedFile is a file of the data directory of which a part cannot be read.
// First and Last describe its smallest and largest key and show no contents.
type DamagedFile struct {
	File  string    `json:"file"`
	First string    `json:"first"`
	Last  string    `json:"last"`
	Found time.Time `json:"found"`
}

// LostRecords are records of a stream that were acknowledged and are missing. An
// operator has accepted the loss.
type LostRecords struct {
	Stream string `json:"stream"`
	Shard  string `json:"shard"`
	// First and Last are sequence numbers, both included.
	First string `json:"first"`
	Last  string `json:"last"`
	// Until is when the last of them was acknowledged.
	Until time.Time `json:"until"`
	// Accepted is when an operator accepted the loss.
	Accepted time.Time `json:"accepted"`
}
