package demo

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
)

// Skew is the exponent, above 1, of the Zipf distribution of a synthetic log's
// events over its entities.
const Skew = 1.1

// Synthetic writes a log of n file.changed events of up to entities entities, a
// few of which have very many events. The same seed gives the same bytes.
func Synthetic(w io.Writer, n, entities int, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, seed))
	zipf := rand.NewZipf(rng, Skew, 8, uint64(entities-1))
	out := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	for i := range n {
		file := zipf.Uint64()
		added, deleted := rng.IntN(60), rng.IntN(20)
		line = append(line[:0], `{"specversion":"1.0","id":"`...)
		line = strconv.AppendInt(line, int64(i), 10)
		line = append(line, `","source":"synthetic","type":"file.changed","subject":"src/module-`...)
		line = strconv.AppendUint(line, file%97, 10)
		line = append(line, `/file-`...)
		line = strconv.AppendUint(line, file, 10)
		line = append(line, `.go","time":"`...)
		line = appendTime(line, i)
		line = append(line, `","datacontenttype":"application/json","data":{"added":`...)
		line = strconv.AppendInt(line, int64(added), 10)
		line = append(line, `,"deleted":`...)
		line = strconv.AppendInt(line, int64(deleted), 10)
		line = append(line, `,"lines":`...)
		line = strconv.AppendInt(line, int64(added-deleted), 10)
		line = append(line, `,"author":"`...)
		line = strconv.AppendUint(line, rng.Uint64()>>32, 16)
		line = append(line, "\"}}\n"...)
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("write synthetic log: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write synthetic log: %w", err)
	}
	return nil
}

// appendTime spreads the events over 2025, at least a second apart.
func appendTime(b []byte, i int) []byte {
	second := i % 86_400
	day := i / 86_400 % 28
	return fmt.Appendf(b, "2025-%02d-%02dT%02d:%02d:%02dZ", 1+i/86_400/28%12, 1+day, second/3600, second/60%60, second%60)
}
