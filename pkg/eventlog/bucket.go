package eventlog

import (
	"errors"
	"fmt"
	"time"
)

// Bucket is a time range of the log, named by its start in UTC as
// 2006-01-02T15. Buckets of one width compare as text; "" is before all.
type Bucket string

const bucketLayout = "2006-01-02T15"

// Width is the length of every bucket of a log, fixed at its creation.
type Width time.Duration

// The widths that a log can have.
const (
	Day  = Width(24 * time.Hour)
	Hour = Width(time.Hour)
)

// ErrWidth is the error of a width other than Day and Hour.
var ErrWidth = errors.New("the bucket width must be one day or one hour")

// Validate returns ErrWidth unless w is Day or Hour.
func (w Width) Validate() error {
	if w != Day && w != Hour {
		return fmt.Errorf("check width %s: %w", time.Duration(w), ErrWidth)
	}
	return nil
}

// The range of logged times: the years that a bucket's name can carry.
var (
	minMillis = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxMillis = time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC).UnixMilli()
)

// Of returns the bucket of a logged time in milliseconds since 1970.
func (w Width) Of(millis int64) Bucket {
	at := time.UnixMilli(min(max(millis, minMillis), maxMillis)).UTC()
	return Bucket(at.Truncate(time.Duration(w)).Format(bucketLayout))
}

// Range returns the first logged millisecond of a bucket and the first one
// after it.
func (w Width) Range(b Bucket) (from, to int64, err error) {
	start, err := time.Parse(bucketLayout, string(b))
	if err != nil {
		return 0, 0, fmt.Errorf("parse bucket %q: %w", string(b), err)
	}
	return start.UnixMilli(), start.Add(time.Duration(w)).UnixMilli(), nil
}
