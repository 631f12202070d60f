package datastorepebble

import (
	"encoding/binary"
	"fmt"

	"reprise/pkg/event"
)

// Describe says which part of the Data Store a key belongs to, without the entity.
func Describe(key []byte) string {
	if len(key) < 3 || key[0] != dataTag {
		return ""
	}
	size := int(binary.BigEndian.Uint16(key[1:]))
	rest := key[3:]
	lane := len(event.Lane(0).String())
	if len(rest) < size+1+lane {
		return ""
	}
	kinds := map[byte]string{rowTag: "row", markTag: "mark", identityTag: "identity", parkedTag: "parked entity"}
	kind := kinds[rest[size]]
	if kind == "" {
		return ""
	}
	return fmt.Sprintf("%s of generation %s, lane %s", kind, rest[:size], rest[size+1:size+1+lane])
}
