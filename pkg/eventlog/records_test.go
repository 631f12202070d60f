package eventlog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"reprise/pkg/event"
)

func TestHeadCountsAtTheLatestRecordsOnly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var head Head
	type end struct {
		at    event.Position
		count int64
	}
	var ends, paged []end
	for n := range 200 {
		at, events := position(t, fmt.Sprint(1000+n)), random.IntN(4)
		if page, due := head.takePage(); due {
			k := page.Records.count()
			paged = append(paged, ends[len(paged):len(paged)+k]...)
			if last := paged[len(paged)-1]; page.End != last.at.Record() ||
				page.Before+page.Records.eventsFrom(0) != last.count {
				t.Fatalf("page of %d ends at %s with %d before, want %+v", k, page.End, page.Before, last)
			}
		}
		head.Count += int64(events)
		head.Position = at
		head.Records = head.Records.add(at.Record(), events)
		head.closePage()
		ends = append(ends, end{at, head.Count})
		if n := head.Records.count(); n > maxInline {
			t.Fatalf("the head lists %d records", n)
		}
		for i, e := range ends {
			count, listed := head.CountAt(e.at)
			if want := i >= len(paged); listed != want || (listed && count != e.count) {
				t.Fatalf("record %d of %d: %d, %v, want %d, %v", i, len(ends), count, listed, e.count, want)
			}
		}
	}
	if _, listed := head.CountAt(position(t, "999999")); listed {
		t.Error("a record that does not exist is listed")
	}
}

// TestHeadTakesOneWriteUnit checks that a full head, with its key and version,
// is below 1 KB: it is written once for each lane and batch.
func TestHeadTakesOneWriteUnit(t *testing.T) {
	at := position(t, strings.Repeat("4", 56)) // as long as those of Kinesis
	digest := event.Digest{Hi: 1<<64 - 1, Lo: 1<<64 - 1}
	head := Head{Position: at, Logged: 1790000000000, Bucket: "2026-11-24T12", Count: 1 << 40, Bytes: 1 << 50,
		Digest: &digest,
		Since:  new(event.Position), Open: Manifest{Count: 1 << 30, Bytes: 1 << 40, Digest: digest, First: at, Last: at}}
	for range maxInline {
		head.Records = head.Records.add(at.Record(), 10_000)
		head.closePage()
	}
	body, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	const keyAndVersion = 100
	if len(body)+keyAndVersion > 1024 {
		t.Errorf("a head takes %d bytes", len(body))
	}
	t.Logf("%d bytes", len(body))
}

func position(t *testing.T, sequence string) event.Position {
	t.Helper()
	at, err := event.NewPosition(1, sequence, 0)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
