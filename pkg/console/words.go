package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// functions are those of the templates.
var functions = template.FuncMap{
	"count":   counted,
	"bytes":   byteSize,
	"when":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"selects": selects,
	"percent": percent,
	"plus":    func(n int) int { return n + 1 },
	"lower":   func(s replay.Status) string { return strings.ToLower(string(s)) },
	"reason":  reason,
	"proof":   proof,
	"took":    func(v lifecycle.View) string { return v.Ended.Sub(v.Created).Round(time.Millisecond).String() },
	"encode":  web.EncodeEntity,
	"dollars": func(n float64) string { return fmt.Sprintf("$%.4f", n) },
	"millis":  lagText,
	"number":  func(n *int64) string { return optional(n, count[int64]) },
	"size":    func(n *int64) string { return optional(n, byteSize) },
	"text":    func(raw []byte) string { return string(raw) },
}

// counted is count for templates.
func counted(n any) string {
	if small, ok := n.(int); ok {
		return count(small)
	}
	large, _ := n.(int64) // templates count nothing else
	return count(large)
}

// count writes a number with thousands separators.
func count[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// byteSize writes a size in binary units.
func byteSize(n int64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	at := 0
	for ; size >= 1024 && at < len(units)-1; at++ {
		size /= 1024
	}
	if at == 0 {
		return count(n) + " B"
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + units[at]
}

func optional(n *int64, write func(int64) string) string {
	if n == nil {
		return "not known"
	}
	return write(*n)
}

func lagText(n *int64) string {
	return optional(n, func(n int64) string { return (time.Duration(n) * time.Millisecond).String() })
}

// percent is how much of a replay is done, from 0 to 100.
func percent(v lifecycle.View) int64 {
	switch {
	case v.Status == replay.Succeeded:
		return 100
	case v.Progress.Total == 0:
		return 0
	}
	p := v.Progress
	return int64(100 * lifecycle.Done(p.Total, p.Read, p.Delivered, p.Consumed))
}

// selects says in words what a replay selects.
func selects(v lifecycle.View) string {
	in := v.Input
	parts := []string{"Playback of "}
	if in.Rebuild {
		parts[0] = "Rebuild from "
	}
	switch {
	case !in.Filtered():
		parts[0] += "the whole log"
	case len(in.Entities) == 1:
		parts[0] += "entity " + in.Entities[0]
	case len(in.Entities) > 1:
		parts[0] += count(len(in.Entities)) + " entities"
	default:
		parts[0] += "the log"
	}
	if len(in.Prefixes) > 0 {
		parts = append(parts, "entities that begin with "+strings.Join(in.Prefixes, ", "))
	}
	if in.Attribute != nil {
		parts = append(parts, in.Attribute.Name+" is "+in.Attribute.Value)
	}
	if len(in.Types) > 0 {
		parts = append(parts, "types "+strings.Join(in.Types, ", "))
	}
	if in.From != nil {
		parts = append(parts, "from "+in.From.UTC().Format(time.RFC3339))
	}
	if in.To != nil {
		parts = append(parts, "up to "+in.To.UTC().Format(time.RFC3339))
	}
	switch {
	case in.Verification != "":
		parts = append(parts, "to be verified by "+in.Verification+" and dropped")
	case in.Ask:
		parts = append(parts, "then ask whether to promote")
	case in.Promote:
		parts = append(parts, "then promote")
	}
	if in.Effects != "" {
		parts = append(parts, "comparing effects")
	}
	return strings.Join(parts, ", ")
}

// reason is one sentence about why a replay is where it is, "" if all is well.
func reason(v lifecycle.View) string {
	switch {
	case v.Failure != nil:
		return v.Failure.Error + ": " + v.Failure.Cause
	case v.Status == replay.ShownAsking:
		return "It asks whether " + v.Generation + " may become active."
	case v.Waiting != nil:
		return "It waits for " + v.Waiting.For + " since " + v.Waiting.Since.UTC().Format(time.RFC3339) + "."
	}
	return ""
}

// proof says in words what a replay has proved.
func proof(p *replay.Proof) string {
	switch {
	case p == nil:
		return "Nothing is proved yet: a replay proves at its end that all it selects has arrived."
	case !p.Complete:
		return fmt.Sprintf("NOT complete: %s expected, %s read, %s selected, %s taken in; %d differences.",
			count(p.Expected.Count), count(p.Read.Count), count(p.Selected.Count), count(p.Applied.Count), len(p.Differences))
	case p.Scoped:
		return fmt.Sprintf("Complete: %s events read, %s selected, %s taken in. "+
			"Single entities have no manifest to be held against.",
			count(p.Read.Count), count(p.Selected.Count), count(p.Applied.Count))
	}
	return fmt.Sprintf("Complete: the manifests expect %s events, %s were selected, and the consumer took in %s.",
		count(p.Expected.Count), count(p.Selected.Count), count(p.Applied.Count))
}
