package archive

import (
	"crypto/sha256"
	"encoding/binary"
)

// Reseal makes the checksum of the first document fit what it has.
func Reseal(raw []byte) []byte {
	size := int(binary.LittleEndian.Uint32(raw[4:]))
	body := raw[skippableBytes : skippableBytes+size]
	sum := sha256.Sum256(body[sha256.Size:])
	copy(body, sum[:])
	return raw
}
