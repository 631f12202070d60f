package codecheck

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Attrs describe the comparison in a log line.
func (c *Comparison) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("generation", c.Generation),
		slog.Int64("compared", c.Compared),
		slog.Int64("differing", c.Differing),
		slog.String("projections", c.Names()),
	}
}

// Names says which projections differ, for how many entities and in which lanes.
func (c *Comparison) Names() string {
	parts := make([]string, len(c.Projections))
	for i, d := range c.Projections {
		lanes := make([]string, len(d.Lanes))
		for j, lane := range d.Lanes {
			lanes[j] = strconv.Itoa(int(lane))
		}
		word, more := "lanes", ""
		if len(lanes) == 1 {
			word = "lane"
		}
		if len(lanes) == maxLanes {
			more = " and perhaps more"
		}
		parts[i] = fmt.Sprintf("%s: %d in %s %s%s", d.Projection, d.Entities, word, strings.Join(lanes, " "), more)
	}
	return strings.Join(parts, "; ")
}
