package record_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"

	"reprise/pkg/event/record"
)

// reached says, for each replay and lane, how many events were processed. A real
// subscriber stores it together with the result of the events.
type reached map[string]int64

func key(replay string, lane int) string { return fmt.Sprintf("%s/%d", replay, lane) }

// A subscriber of the Kinesis stream decodes records, drops what it has seen and what
// follows a gap, and processes the rest. This is all that FORMAT.md asks for.
func ExampleCodec_Unpack() {
	codec, err := record.NewCodec()
	if err != nil {
		log.Fatal(err)
	}
	defer codec.Close()
	done := reached{}
	for _, data := range delivered(codec) {
		header, lines, err := codec.Unpack(data)
		if errors.Is(err, record.ErrMalformed) || header.Playback == nil {
			fmt.Println("damaged: dropped, and delivered again later")
			continue
		}
		p, at := header.Playback, key(header.Playback.Replay, int(header.Lane))
		switch {
		case p.To <= done[at]:
			fmt.Printf("[%d, %d) seen before\n", p.From, p.To)
			continue
		case p.From > done[at]:
			fmt.Printf("[%d, %d) after a gap: dropped, and delivered again later\n", p.From, p.To)
			continue
		}
		for _, line := range lines[done[at]-p.From:] {
			fmt.Printf("process %s\n", line)
		}
		done[at] = p.To
	}
	// Output:
	// process {"id":"a"}
	// process {"id":"b"}
	// [0, 2) seen before
	// [4, 5) after a gap: dropped, and delivered again later
	// damaged: dropped, and delivered again later
	// process {"id":"c"}
	// process {"id":"d"}
	// process {"id":"e"}
}

// delivered are records as a stream may deliver them: one is repeated, one is
// missing at first, one is damaged, and in the end the lane is read again and
// divided differently.
func delivered(codec *record.Codec) [][]byte {
	pack := func(from, to int64, ids ...string) []byte {
		var lines [][]byte
		for _, id := range ids {
			lines = append(lines, []byte(`{"id":"`+id+`"}`))
		}
		playback := &record.Playback{Replay: "nightly", From: from, To: to}
		data, err := codec.Pack(record.Header{Lane: 7, Playback: playback}, lines)
		if err != nil {
			log.Fatal(err)
		}
		return data
	}
	return [][]byte{
		pack(0, 2, "a", "b"), pack(0, 2, "a", "b"), pack(4, 5, "e"), []byte("?"), pack(1, 5, "b", "c", "d", "e"),
	}
}

// On one machine, reprise playback tail prints the events one by one. A subscriber that
// reads its output needs the ordinals only.
func Example_tail() {
	output := `{"replay":"nightly","lane":7,"ordinal":0,"event":{"id":"a"}}
{"replay":"nightly","lane":7,"ordinal":1,"event":{"id":"b"}}
{"replay":"nightly","lane":7,"ordinal":1,"event":{"id":"b"}}
{"replay":"nightly","lane":7,"ordinal":3,"event":{"id":"d"}}
{"replay":"nightly","lane":7,"ordinal":2,"event":{"id":"c"}}
`
	done := reached{}
	lines := bufio.NewScanner(strings.NewReader(output)) // in a pipe: os.Stdin
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Replay  string
			Lane    int
			Ordinal int64
			Event   json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			log.Fatal(err)
		}
		at := key(e.Replay, e.Lane)
		if e.Ordinal != done[at] {
			fmt.Printf("drop %d: it was seen, or follows a gap\n", e.Ordinal)
			continue
		}
		fmt.Printf("process %s\n", e.Event)
		done[at]++
	}
	// Output:
	// process {"id":"a"}
	// process {"id":"b"}
	// drop 1: it was seen, or follows a gap
	// drop 3: it was seen, or follows a gap
	// process {"id":"c"}
}
