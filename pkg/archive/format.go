package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// Format is the version of the format. Readers refuse newer ones by name.
const Format = 1

const (
	// PartBytes is the length of lines at which a part ends.
	PartBytes = 4 << 20
	// maxPartBytes bounds the lines of a part: PartBytes and one more bucket or event.
	maxPartBytes = 16 << 20
	// maxDocument bounds a header, a part's description or an end.
	maxDocument = 4 << 20
	// windowBytes is the window of the compression, and so most of the memory that it
	// takes to read a part.
	windowBytes = 256 << 10
)

// ErrDamaged says that a file is not what was written: it is cut off, altered, or not an
// export at all. A retry cannot help.
var ErrDamaged = errors.New("not an intact export")

// NewerFormat says that a later release wrote an export.
type NewerFormat struct{ Format int }

func (e *NewerFormat) Error() string {
	return fmt.Sprintf("the export has format %d; this release reads up to format %d", e.Format, Format)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Sum is a number of events, the length of their lines, and their digest.
type Sum struct {
	Events int64        `json:"events"`
	Bytes  int64        `json:"bytes"`
	Digest event.Digest `json:"digest"`
}

// Add adds another sum.
func (s *Sum) Add(o Sum) {
	s.Events += o.Events
	s.Bytes += o.Bytes
	s.Digest = s.Digest.Add(o.Digest)
}

// Lane is a lane at the cut.
type Lane struct {
	Position event.Position  `json:"position,omitempty"`
	Bucket   eventlog.Bucket `json:"bucket,omitempty"`
	// Sum is that of all of the lane's events, without a digest if Undigested is set;
	// Open is what the cut has of Bucket.
	Sum        Sum  `json:"sum"`
	Undigested bool `json:"undigested,omitempty"`
	Open       Sum  `json:"open"`
}

// Masked says how an export was masked.
type Masked struct {
	// Rules is the SHA-256 of the rules, and Key tells two keys apart without giving
	// them away.
	Rules string `json:"rules"`
	Key   string `json:"key"`
	// Entities is set if ids of entities are pseudonyms. Their events do not lie in the
	// lanes of the export then.
	Entities bool `json:"entities,omitempty"`
}

// Header says what an export is of. It is written first and never changes, so that an
// export that was interrupted goes on with the same cut.
type Header struct {
	Kind   string `json:"reprise"`
	Format int    `json:"format"`
	// Taken is when the cut was taken, and Lanes are the lanes at the cut.
	Taken time.Time `json:"taken"`
	Lanes []Lane    `json:"lanes"`
	// BucketHours is the width of the log's buckets.
	BucketHours int `json:"bucketHours"`
	// Select is what was selected, as in a replay's input; absent for everything.
	Select json.RawMessage `json:"select,omitempty"`
	// Masked is nil if nothing was masked.
	Masked *Masked `json:"masked,omitempty"`
}

const kindExport = "export"

func (h *Header) check() error {
	lanes := len(h.Lanes)
	switch {
	case h.Kind != kindExport:
		return damaged("it does not begin as an export does")
	case h.Format > Format:
		return &NewerFormat{h.Format}
	case h.Format < 1:
		return damaged("its format is %d", h.Format)
	case h.BucketHours != 1 && h.BucketHours != 24:
		return damaged("its buckets have %d hours", h.BucketHours)
	}
	if _, err := event.NewLanes(lanes); err != nil {
		return damaged("it has %d lanes", lanes)
	}
	return nil
}

// Part describes a part: events of one lane in the order of their positions, which
// follow those of the lane's earlier parts.
type Part struct {
	Lane int `json:"lane"`
	Sum
	// Content is the sum of the digests of the lines alone, which a copy of the log has,
	// too.
	Content event.Digest   `json:"content"`
	First   event.Position `json:"first,omitempty"`
	Last    event.Position `json:"last,omitempty"`
	// Size is the length of the compressed part, 0 for a part without events, and
	// SHA256 is that of its bytes.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
	// Read is what was read of the log since the lane's part before, selected or not, up
	// to the end of bucket Reached. It is meaningful only if Open is not set.
	Read    Sum             `json:"read"`
	Reached eventlog.Bucket `json:"reached,omitempty"`
	// Open is set if the lane's next part has more of the same bucket: an export that is
	// interrupted there reads the bucket again.
	Open bool `json:"open,omitempty"`
	// Done is set in the lane's last part.
	Done bool `json:"done,omitempty"`
}

// End is the end of an export. Without it, the export is not whole.
type End struct {
	Kind  string `json:"reprise"`
	Parts int    `json:"parts"`
	Sum
	Content event.Digest `json:"content"`
	// SHA256 is that of the header and of the descriptions of all parts, one after the
	// other.
	SHA256 string `json:"sha256"`
}

const kindEnd = "end"

// Manifest is all that an export says about itself.
type Manifest struct {
	Header Header `json:"header"`
	Parts  []Part `json:"parts"`
	End    End    `json:"end"`
}
