package request

import (
	"regexp"
	"strconv"
	"time"
)

// Width is the width of a time slice: hours or days, as 6h or 7d.
type Width string

var widthPattern = regexp.MustCompile(`^[1-9][0-9]{0,4}[hd]$`)

// Duration returns the width, 0 for "" and for one that Check refuses.
func (w Width) Duration() time.Duration {
	if !widthPattern.MatchString(string(w)) {
		return 0
	}
	end := len(w) - 1
	n, err := strconv.Atoi(string(w[:end]))
	if err != nil {
		return 0
	}
	unit := time.Hour
	if w[end] == 'd' {
		unit = 24 * time.Hour
	}
	return time.Duration(n) * unit
}

// canonical writes whole days in days, so that 24h and 1d are the same.
func (w Width) canonical() Width { return WidthOf(w.Duration()) }

// WidthOf writes a duration in hours or days, "" for one below an hour.
func WidthOf(d time.Duration) Width {
	hours := int(d / time.Hour)
	switch {
	case hours <= 0:
		return ""
	case hours%24 == 0:
		return Width(strconv.Itoa(hours/24) + "d")
	}
	return Width(strconv.Itoa(hours) + "h")
}
