package eventlog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"reprise/pkg/event"
)

func TestTrailCountsAtTheLatestRecordsOnly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var head Head
	type end struct {
		at    event.Position
		count int64
	}
	var ends []end
	for n := range 200 {
		at, events := position(t, fmt.Sprint(1000+n)), random.Int64N(4)
		head.Count += events
		head.Position = at
		before := string(head.Trail)
		was := head.Trail
		head.Trail = append(Trail(nil), head.Trail...).passed(events).remember(at)
		if string(was) != before {
			t.Fatal("a trail was changed under its reader")
		}
		ends = append(ends, end{at, head.Count})
		for i, e := range ends {
			count, known := head.CountAt(e.at)
			if want := len(ends)-i <= maxTrail; known != want || (known && count != e.count) {
				t.Fatalf("record %d of %d: %d, %v, want %d, %v", i, len(ends), count, known, e.count, want)
			}
		}
	}
	if _, known := head.CountAt(position(t, "999999")); known {
		t.Error("the end of no record is known")
	}
}

func TestTrailForgetsWhatItCannotCount(t *testing.T) {
	trail := Trail(nil).remember("a").passed(1<<32 - 1).remember("b").passed(1)
	head := Head{Position: "c", Count: 1 << 40, Trail: trail}
	if _, known := head.CountAt("a"); known {
		t.Error("a count beyond 32 bits is known")
	}
	if count, known := head.CountAt("b"); !known || count != 1<<40-1 {
		t.Errorf("%d, %v", count, known)
	}
}

// TestHeadTakesOneWriteUnit keeps a full head within 1 KB, with what its key and
// version take: it is written once for each lane and batch.
func TestHeadTakesOneWriteUnit(t *testing.T) {
	at := position(t, strings.Repeat("4", 56)) // as long as those of Kinesis
	head := Head{Position: at, Logged: 1790000000000, Bucket: "2026-11-24T12", Count: 1 << 40, Bytes: 1 << 50,
		Open: Manifest{Count: 1 << 30, Bytes: 1 << 40, Digest: event.Digest{Hi: 1<<64 - 1, Lo: 1<<64 - 1}, First: at, Last: at}}
	for range maxTrail + 1 {
		head.Trail = head.Trail.passed(1).remember(at)
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
