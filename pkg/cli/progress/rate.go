package progress

import "time"

// window is the time over which a rate is measured.
const window = 15 * time.Second

// Rate estimates how fast a number rises. The zero value is ready for use by one
// goroutine.
type Rate struct {
	samples []sample
}

type sample struct {
	at    time.Time
	value float64
}

// Add records the number at now. A number that falls restarts the estimate.
func (r *Rate) Add(now time.Time, value float64) {
	if n := len(r.samples); n > 0 && value < r.samples[n-1].value {
		r.samples = r.samples[:0]
	}
	// One sample older than the window stays, so that the samples cover it.
	for len(r.samples) > 1 && now.Sub(r.samples[1].at) >= window {
		r.samples = r.samples[1:]
	}
	if n := len(r.samples); n > 1 && now.Sub(r.samples[n-2].at) < window/100 {
		r.samples[n-1] = sample{now, value}
		return
	}
	r.samples = append(r.samples, sample{now, value})
}

// PerSecond is the rate, 0 while unknown.
func (r *Rate) PerSecond() float64 {
	n := len(r.samples)
	if n < 2 {
		return 0
	}
	first, last := r.samples[0], r.samples[n-1]
	elapsed := last.at.Sub(first.at).Seconds()
	if elapsed <= 0 {
		return 0
	}
	return (last.value - first.value) / elapsed
}

// Left is the time until the number reaches an end, 0 while unknown: a rate that was
// measured for less than a second says little.
func (r *Rate) Left(end float64) time.Duration {
	rate := r.PerSecond()
	if rate <= 0 || r.samples[len(r.samples)-1].at.Sub(r.samples[0].at) < time.Second {
		return 0
	}
	left := (end - r.samples[len(r.samples)-1].value) / rate
	const longest = 1000 * 24 * 3600
	if left <= 0 || left > longest {
		return 0
	}
	return time.Duration(left * float64(time.Second))
}
