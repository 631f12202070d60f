package datastorepebble

import (
	"encoding/binary"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// Keys of the space:
//
//	g{id}                                    the generation exists
//	d{length of id}{id}r{lane}#{entity}      a row
//	d{length of id}{id}m{lane}#{mark's name} a mark
//	d{length of id}{id}i{lane}#{entity}#{16 bytes} an event in the identity index
//	d{length of id}{id}p{lane}#{entity}      the row of this entity may be parked
//	s                                        the session of mark versions
//
// So a generation is one key range, and the rows of a lane in it are one key
// range in the order of escaped entity ids.
const (
	generationTag = 'g'
	dataTag       = 'd'
	rowTag        = 'r'
	markTag       = 'm'
	identityTag   = 'i'
	parkedTag     = 'p'
	sessionKey    = "s"
)

func generationKey(id string) []byte { return append([]byte{generationTag}, id...) }

func dataPrefix(id string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{dataTag}, uint16(len(id))), id...)
}

func rowPrefix(data []byte, lane event.Lane) []byte {
	return slices.Concat(data, []byte{rowTag}, []byte(lane.String()), []byte{'#'})
}

func parkedPrefix(data []byte, lane event.Lane) []byte {
	return slices.Concat(data, []byte{parkedTag}, []byte(lane.String()), []byte{'#'})
}

func markKey(data []byte, name datastore.MarkName, lane event.Lane) []byte {
	return slices.Concat(data, []byte{markTag}, []byte(lane.String()), []byte{'#'}, []byte(name))
}
