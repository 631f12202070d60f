package extract

import (
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Extract serves the routes. It is safe for concurrent use.
type Extract struct {
	Log   eventlog.Log
	Heads eventlog.Heads
	Lanes *event.Lanes
	Width eventlog.Width
	Now   func() time.Time
}

// Sum is a number of events, the length of their lines, and their digest.
type Sum struct {
	Count  int64        `json:"count"`
	Bytes  int64        `json:"bytes"`
	Digest event.Digest `json:"digest"`
}

// Add counts one event.
func (s *Sum) Add(at event.Position, line []byte) {
	s.AddSum(Sum{1, int64(len(line)), event.DigestOf(at, line)})
}

// AddSum counts the events of another sum.
func (s *Sum) AddSum(o Sum) {
	s.Count += o.Count
	s.Bytes += o.Bytes
	s.Digest = s.Digest.Add(o.Digest)
}

// Cut is a frozen view of the log: what is in it up to the position of each lane never
// changes.
type Cut struct {
	Taken time.Time `json:"taken"`
	// BucketHours is the width of the log's buckets.
	BucketHours int       `json:"bucketHours"`
	Lanes       []LaneCut `json:"lanes"`
}

// LaneCut is a lane at a cut.
type LaneCut struct {
	Lane event.Lane `json:"lane"`
	// Position is the last position that the cut covers, "" if the lane is empty.
	Position event.Position `json:"position"`
	// Count and Bytes are those of all of the lane's events.
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
	// Digest is that of all of the lane's events, absent for a log of an earlier
	// release that has had no event since.
	Digest *event.Digest `json:"digest,omitempty"`
	// Bucket is the lane's last bucket, and Open what the cut has of it.
	Bucket eventlog.Bucket `json:"bucket"`
	Open   Sum             `json:"open"`
}

// GetCut serves the present cut.
func (x *Extract) GetCut(r *http.Request) (web.Reply, error) {
	cut := Cut{Taken: x.Now().UTC(), BucketHours: int(time.Duration(x.Width) / time.Hour)}
	heads, err := x.Heads.LoadAll(r.Context(), x.Lanes.Count())
	if err != nil {
		return web.Reply{}, err
	}
	for i := range heads {
		h := &heads[i]
		cut.Lanes = append(cut.Lanes, LaneCut{
			Lane:     event.Lane(i),
			Position: h.Position,
			Count:    h.Count,
			Bytes:    h.Bytes,
			Digest:   h.Digest,
			Bucket:   h.Bucket,
			Open:     sumOf(&h.Open),
		})
	}
	return web.Answer(http.StatusOK, cut), nil
}

func sumOf(m *eventlog.Manifest) Sum { return Sum{m.Count, m.Bytes, m.Digest} }
