package extract

import (
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// Extract serves the routes. It is safe for concurrent use.
type Extract struct {
	Log   eventlog.Log
	Heads eventlog.Heads
	Lanes *event.Lanes
	Width eventlog.Width
	Now   func() time.Time
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
	Open   replay.Sum      `json:"open"`
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
			Open:     replay.SumOf(&h.Open),
		})
	}
	return web.Answer(http.StatusOK, cut), nil
}
