package eventlog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bucket is a time range of the log, named by its start in UTC as
// 2006-01-02T15. Buckets of one width sort as text; "" is before all others.
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

// Start is the first moment of a bucket, the zero time if b is the name of none.
func (b Bucket) Start() time.Time {
	start, err := time.Parse(bucketLayout, string(b))
	if err != nil {
		return time.Time{}
	}
	return start
}

// maxListed bounds the buckets that a list names one by one, or the row of an
// entity with events every hour for years would be too large to store. A longer
// list becomes a span: the first bucket, a stride, and the last bucket. Any bucket
// in between may contain events.
const maxListed = 512

// stridePrefix begins a stride; it sorts after every bucket.
const stridePrefix = "~"

func stride(hours int) Bucket { return Bucket(stridePrefix + strconv.Itoa(hours)) }

func strideOf(list []Bucket) (time.Duration, bool) {
	if len(list) != 3 {
		return 0, false
	}
	text, found := strings.CutPrefix(string(list[1]), stridePrefix)
	if !found {
		return 0, false
	}
	hours, err := strconv.Atoi(text)
	return time.Duration(hours) * time.Hour, err == nil && hours > 0
}

// AddBucket returns the list with b added, which must not come before its last
// bucket. It never changes the list in place.
func AddBucket(list []Bucket, b Bucket) []Bucket {
	n := len(list)
	if n > 0 && list[n-1] == b {
		return list
	}
	if step, isSpan := strideOf(list); isSpan {
		return span(list[0], b, min(step, strideFor(b)))
	}
	if n < maxListed {
		return append(list[:n:n], b)
	}
	step := strideFor(b)
	for _, listed := range list {
		step = min(step, strideFor(listed))
	}
	return span(list[0], b, step)
}

func span(first, last Bucket, step time.Duration) []Bucket {
	return []Bucket{first, stride(int(step / time.Hour)), last}
}

// strideFor is the widest stride, a day from midnight or an hour, that includes
// b: a log with daily buckets has buckets at midnight only.
func strideFor(b Bucket) time.Duration {
	if strings.HasSuffix(string(b), "T00") {
		return 24 * time.Hour
	}
	return time.Hour
}

// ExpandBuckets returns the buckets that a list made by AddBucket stands for,
// ascending: all that were added, and, for a span, possibly others.
func ExpandBuckets(list []Bucket) []Bucket {
	step, isSpan := strideOf(list)
	if !isSpan {
		return list
	}
	at, err := time.Parse(bucketLayout, string(list[0]))
	if err != nil {
		return nil
	}
	at = at.Truncate(step)
	var all []Bucket
	for ; ; at = at.Add(step) {
		b := Bucket(at.Format(bucketLayout))
		if b > list[2] {
			return all
		}
		all = append(all, b)
	}
}
