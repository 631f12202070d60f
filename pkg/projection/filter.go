package projection

import (
	"encoding/binary"

	"reprise/pkg/event"
)

// The filter of a row is a chain of Bloom filters, each four times the size of
// the one before, with 16 bits and 11 hashes an id: an error rate of 0.05 % each
// (B. H. Bloom, 1970: (1 − e^(−k/16))^k for k = 11) so 0.15 % together when all are full.
// It takes 34 bytes for up to 16 ids and at most 674 bytes for 336. A full filter
// reports every id as possibly seen; an entity with more events has no filter and
// is indexed.
const (
	filterHashes    = 11
	filterBitsPerID = 16
	firstFilterIDs  = 16
	filterStages    = 3
	maxFilterIDs    = firstFilterIDs * (1 + 4 + 16)
)

// filter is the encoded form: the number of ids in two bytes, big endian, and the
// stages in order.
type filter []byte

func (f filter) count() int {
	if len(f) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(f))
}

func (f filter) full() bool { return f.count() >= maxFilterIDs }

// stageIDs is the number of ids that stage i can take.
func stageIDs(i int) int { return firstFilterIDs << (2 * i) }

// mayHave reports false only for an id that was never added.
func (f filter) mayHave(id event.Digest) bool {
	if f.full() {
		return true
	}
	at := 2
	for i := 0; i < filterStages && at < len(f); i++ {
		size := stageIDs(i) * filterBitsPerID / 8
		if stageHas(f[at:at+size], id) {
			return true
		}
		at += size
	}
	return false
}

// add returns the filter with id added. It may change f in place.
func (f filter) add(id event.Digest) filter {
	if len(f) < 2 {
		f = make(filter, 2, 2+stageIDs(0)*filterBitsPerID/8)
	}
	n := f.count()
	if n >= maxFilterIDs {
		return f
	}
	at, stage, below := 2, 0, 0
	for below+stageIDs(stage) <= n {
		below += stageIDs(stage)
		at += stageIDs(stage) * filterBitsPerID / 8
		stage++
	}
	if size := stageIDs(stage) * filterBitsPerID / 8; len(f) < at+size {
		f = append(f, make([]byte, at+size-len(f))...)
	}
	stageAdd(f[at:], id)
	binary.BigEndian.PutUint16(f, uint16(n+1))
	return f
}

// filterBit is the bit of hash i. The numbers Hi + i·Lo are mixed (the finalizer
// of SplitMix64; Steele, Lea and Flood, 2014): unmixed, the hashes of a small
// stage are so few that its error rate triples.
func filterBit(id event.Digest, i uint64, stage []byte) uint64 {
	h := id.Hi + i*id.Lo
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return (h ^ h>>31) % (uint64(len(stage)) * 8)
}

func stageHas(stage []byte, id event.Digest) bool {
	for i := range uint64(filterHashes) {
		bit := filterBit(id, i, stage)
		if stage[bit>>3]&(1<<(bit&7)) == 0 {
			return false
		}
	}
	return true
}

func stageAdd(stage []byte, id event.Digest) {
	for i := range uint64(filterHashes) {
		bit := filterBit(id, i, stage)
		stage[bit>>3] |= 1 << (bit & 7)
	}
}
