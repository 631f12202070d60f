package replaytest

import (
	"context"
	"sync"

	"reprise/pkg/event/record"
	"reprise/pkg/feed"
)

// Tap is a playback stream that records what is put. It is safe for concurrent use
// until it is looked at.
type Tap struct {
	feed.Stream
	Codec *record.Codec
	mu    sync.Mutex
	Puts  []record.Header
	Data  [][]byte
}

func (s *Tap) Put(ctx context.Context, key string, data []byte) (string, error) {
	header, _, err := s.Codec.Unpack(data)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.Puts, s.Data = append(s.Puts, header), append(s.Data, data)
	s.mu.Unlock()
	return s.Stream.Put(ctx, key, data)
}

// Spans are the ordinals [from, to) of the records that were put.
func (s *Tap) Spans() (spans [][2]int64) {
	for _, header := range s.Puts {
		spans = append(spans, [2]int64{header.Playback.From, header.Playback.To})
	}
	return spans
}

// Slow lets time pass with every record.
type Slow struct {
	feed.Stream
	Pass func()
}

func (s Slow) Put(ctx context.Context, key string, data []byte) (string, error) {
	s.Pass()
	return s.Stream.Put(ctx, key, data)
}
