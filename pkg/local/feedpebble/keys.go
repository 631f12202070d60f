package feedpebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/feed"
)

// Keys of the space:
//
//	c                          the last assigned stream number
//	n{name}                    a stream's description, JSON
//	r{stream}{shard}{sequence} a record: arrival, length of key, key, data
//	t{stream}{shard}           the last trimmed sequence and its arrival
//	l{stream}{shard}{sequence} records up to sequence are lost, JSON
//	k                          the directory has a file of marks
//
// Stream numbers (8 bytes) are never reused. Shard numbers have 2 bytes and
// sequence numbers 8. All are big-endian.
const (
	counterTag = 'c'
	nameTag    = 'n'
	recordTag  = 'r'
	trimTag    = 't'
	lossTag    = 'l'
	guardTag   = 'k'
)

func shardKey(tag byte, stream uint64, shard int) []byte {
	b := make([]byte, 0, 24)
	b = binary.BigEndian.AppendUint64(append(b, tag), stream)
	return binary.BigEndian.AppendUint16(b, uint16(shard))
}

func recordKey(stream uint64, shard int, sequence uint64) []byte {
	return sequenceKey(recordTag, stream, shard, sequence)
}

func sequenceKey(tag byte, stream uint64, shard int, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(shardKey(tag, stream, shard), sequence)
}

func streamPrefix(tag byte, stream uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{tag}, stream)
}

func sequenceOf(recordKey []byte) uint64 {
	return binary.BigEndian.Uint64(recordKey[len(recordKey)-8:])
}

// appendHeader appends the fields that precede a record's data.
func appendHeader(b []byte, arrival int64, key string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(arrival))
	return append(binary.AppendUvarint(b, uint64(len(key))), key...)
}

var errRecord = errors.New("stored record is damaged")

func arrivalOf(value []byte) (int64, error) {
	if len(value) < 8 {
		return 0, fmt.Errorf("decode record of %d bytes: %w", len(value), errRecord)
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}

// decodeRecord returns a record whose data shares value's memory.
func decodeRecord(value []byte) (feed.Record, error) {
	arrival, err := arrivalOf(value)
	if err != nil {
		return feed.Record{}, err
	}
	size, n := binary.Uvarint(value[8:])
	rest := value[8+max(n, 0):]
	if n <= 0 || size > uint64(len(rest)) {
		return feed.Record{}, fmt.Errorf("decode key of record: %w", errRecord)
	}
	return feed.Record{Key: string(rest[:size]), Arrival: time.UnixMilli(arrival).UTC(), Data: rest[size:]}, nil
}
