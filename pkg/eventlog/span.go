package eventlog

import (
	"strconv"
	"strings"
	"time"
)

// maxListed bounds the buckets that a list names one by one. An entity that has
// events every hour for years would otherwise make its row too large to store.
// A longer list becomes a span: its first bucket, a stride, and its last, and
// any bucket between may hold events.
const maxListed = 512

// stridePrefix begins a stride; it sorts behind every bucket.
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

// AddBucket returns the list with a bucket in it that is its last one or comes
// behind it. It never changes the list in place.
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

// strideFor is the widest stride from midnight to midnight, or hour to hour,
// that meets a bucket: a log of days only has buckets at midnight.
func strideFor(b Bucket) time.Duration {
	if strings.HasSuffix(string(b), "T00") {
		return 24 * time.Hour
	}
	return time.Hour
}

// ExpandBuckets returns the buckets that a list of AddBucket stands for,
// ascending. All that were added are among them.
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
