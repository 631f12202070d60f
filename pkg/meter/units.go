package meter

// The sizes of units in bytes (developer guides of DynamoDB, "Read and write
// operations", and of Kinesis Data Streams, "Pricing").
const (
	writeUnitBytes = 1 << 10
	readUnitBytes  = 4 << 10
	putUnitBytes   = 25 << 10
)

// Write is the number of write units for an item of that many bytes, including the
// names of attributes; at least 1.
func Write(bytes int) float64 { return float64(max(1, ceil(bytes, writeUnitBytes))) }

// Read is the number of read units for that many bytes, at least one block. Call it
// per item for gets and per page for queries.
func Read(bytes int, consistent bool) float64 {
	blocks := float64(max(1, ceil(bytes, readUnitBytes)))
	if consistent {
		return blocks
	}
	return blocks / 2
}

// Put is the number of PUT payload units for a record of that many bytes.
func Put(bytes int) float64 { return float64(max(1, ceil(bytes, putUnitBytes))) }

func ceil(n, unit int) int { return (n + unit - 1) / unit }
