package feedpebble

import (
	"bytes"
	"crypto/md5"
	"math/big"
	"sort"
)

// hash is a value in the 128-bit hash range.
type hash [md5.Size]byte

// divide returns the first hash of each of count shards of equal size. As in
// Kinesis, the last shard gets the remainder.
func divide(count int) []hash {
	width := new(big.Int).Lsh(big.NewInt(1), 8*md5.Size)
	width.Div(width, big.NewInt(int64(count)))
	starts := make([]hash, count)
	for i := range starts {
		new(big.Int).Mul(width, big.NewInt(int64(i))).FillBytes(starts[i][:])
	}
	return starts
}

// place returns the index of the shard of key.
func place(starts []hash, key string) int {
	sum := md5.Sum([]byte(key))
	return sort.Search(len(starts), func(i int) bool { return bytes.Compare(starts[i][:], sum[:]) > 0 }) - 1
}
