package feedpebble

import (
	"encoding/binary"
	"fmt"
)

// Describe says which stream, shard and record a key belongs to.
func Describe(key []byte) string {
	const shardBytes = 1 + 8 + 2
	if len(key) < shardBytes || (key[0] != recordTag && key[0] != trimTag) {
		return ""
	}
	text := fmt.Sprintf("stream %d, shard %d", binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint16(key[9:]))
	if len(key) == shardBytes+8 {
		text += fmt.Sprintf(", record %d", binary.BigEndian.Uint64(key[shardBytes:]))
	}
	return text
}
