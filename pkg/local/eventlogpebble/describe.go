package eventlogpebble

import (
	"bytes"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Describe says which part of the log a key belongs to, without the entity.
func Describe(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	kinds := map[byte]string{
		entryTag: "events", topTag: "highest position", quarantineTag: "quarantined record", witnessTag: "witness",
	}
	parts := bytes.SplitN(key[1:], []byte{'#'}, 3)
	text := kinds[key[0]]
	if text == "" || len(parts[0]) != len(event.Lane(0).String()) {
		return ""
	}
	text += " of lane " + string(parts[0])
	if len(parts) > 1 && eventlog.Bucket(parts[1]).Check() == nil {
		text += ", bucket " + string(parts[1])
	}
	return text
}
