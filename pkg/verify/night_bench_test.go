package verify_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/verify"
)

var nightsFlag = flag.String("nights", "", "the file to which BenchmarkNight writes its picture, an SVG")

// The log of BenchmarkNight: so many events of so many entities, an hour's worth in each
// bucket.
const (
	nightEvents   = 100_000
	nightEntities = 20_000
	nightHourly   = 2_000
)

// sendMany logs one event of each of some entities, and lets the consumer follow.
func (w *world) sendMany(first, n int) {
	w.t.Helper()
	var lines [lanes][][]byte
	for i := range n {
		w.sent++
		e := event.Event{ID: fmt.Sprint(w.sent), Source: "test", Type: "it.happened", Data: fmt.Sprintf(`"%0200d"`, w.sent),
			Subject: fmt.Sprint("entity-", (first+i)%nightEntities)}
		lane := w.pump.Decoder.Lanes.Of(e.Subject)
		lines[lane] = append(lines[lane], e.AppendJSON(nil))
	}
	for lane := range event.Lane(lanes) {
		if len(lines[lane]) == 0 {
			continue
		}
		w.sent++
		data, err := w.pump.Decoder.Codec.Pack(record.Header{Lane: lane}, lines[lane])
		w.must(err)
		at := w.clock.time().UnixMilli()
		in := []eventlog.Incoming{{Sequence: fmt.Sprint(1_000_000_000 + w.sent), Arrival: at, Data: data}}
		_, err = w.pump.Commit(w.ctx, lane, in)
		w.must(err)
		w.queue[lane] = append(w.queue[lane], in...)
	}
	w.settle()
}

// night is what a verification took after so many events.
type night struct {
	events      int
	units, took float64
	rows        int64
}

// BenchmarkNight verifies a log after more and more events since the verification before,
// and then the whole of it. It fails unless the cost follows what has changed, and draws
// the curve.
func BenchmarkNight(b *testing.B) {
	for b.Loop() {
		w := newWorldOf(b, b, embedded)
		w.every = 1000
		for sent := 0; sent < nightEvents; sent += nightHourly {
			w.sendMany(sent, nightHourly)
			w.clock.pass(time.Hour)
		}
		w.night("first")
		nights := []night{w.after(0)}
		for _, events := range []int{100, 500, 1000, 2000, 3000, 4000, 6000, 8000, 10_000} {
			nights = append(nights, w.after(events))
		}
		whole := w.night("whole")
		for _, n := range nights {
			b.Logf("%d events: %.0f units, %.2f s, %d rows", n.events, n.units, n.took, n.rows)
		}
		b.Logf("everything: %.0f units, %.2f s, %d rows", whole.units, whole.took, whole.rows)
		judge(b, nights, whole)
		if *nightsFlag != "" {
			w.must(os.WriteFile(*nightsFlag, drawNights(nights, whole), 0o600))
		}
	}
}

// judge holds the cost between what is read at least and what is proportional to it.
func judge(b *testing.B, nights []night, whole night) {
	b.Helper()
	idle, first := nights[0], nights[1]
	each := (first.units - idle.units) / float64(first.events)
	for _, n := range nights[1:] {
		want := min(idle.units+each*float64(n.events), whole.units)
		if n.units > 1.5*want || n.units < want/3 {
			b.Errorf("%d events take %.0f units, in proportion it would be %.0f", n.events, n.units, want)
		}
	}
	if first.units > whole.units/10 {
		b.Errorf("%d events take %.0f units, everything takes %.0f", first.events, first.units, whole.units)
	}
}

// after verifies what has changed after so many events of different entities.
func (w *world) after(events int) night {
	w.t.Helper()
	w.clock.pass(time.Hour)
	if events > 0 {
		w.sendMany(w.sent, events)
	}
	n := w.night(fmt.Sprint("after-", events))
	n.events = events
	w.clock.pass(time.Hour)
	w.sendMany(0, 1) // so that a bucket with a few events is open at the next cut
	w.night(fmt.Sprint("closes-", events))
	return n
}

func (w *world) night(id string) night {
	w.t.Helper()
	began := time.Now()
	row := w.verifyOf(id, verify.Request{Full: id == "whole"})
	if row.Status != verify.Clean {
		w.t.Fatalf("%s is %s: %+v", id, row.Status, row.Report)
	}
	return night{units: row.Report.Cost.ReadUnits, took: time.Since(began).Seconds(), rows: row.Report.Rows}
}

// The size of the picture, and the room for the labels, in points.
const (
	nightWidth, nightPanel = 760, 200
	nightLeft, nightRight  = 72, 130
	nightTop, nightGap     = 46, 74
)

const nightStyle = `<style>
  text { font: 12px system-ui, sans-serif; fill: #424a53 }
  .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .line { fill: none; stroke: #0969da; stroke-width: 2 } .dot { fill: #0969da }
  .whole { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 6 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #c9d1d9 } .grid { stroke: #3d444d }
    .line { stroke: #58a6ff } .dot { fill: #58a6ff } .whole { stroke: #f0883e }
  }
</style>
`

// drawNights draws what nights take against their events. Its colours follow the reader's.
func drawNights(nights []night, whole night) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" `+
		`aria-label="Cost and time of a verification against the events since the one before">`+"\n%s",
		nightWidth, nightTop+2*(nightPanel+nightGap), nightStyle)
	for i, p := range []struct {
		title string
		of    func(night) float64
	}{
		{"Read units of a night", func(n night) float64 { return n.units }},
		{"Seconds of a night, on one machine", func(n night) float64 { return n.took }},
	} {
		drawNight(&out, float64(nightTop+i*(nightPanel+nightGap)), p.title, p.of, nights, whole)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func drawNight(out *bytes.Buffer, top float64, title string, of func(night) float64, nights []night, whole night) {
	highest, most := of(whole), float64(nights[len(nights)-1].events)
	for _, n := range nights {
		highest = max(highest, of(n))
	}
	x := func(events float64) float64 { return nightLeft + (nightWidth-nightLeft-nightRight)*events/most }
	y := func(value float64) float64 { return top + nightPanel*(1-value/highest) }
	fmt.Fprintf(out, `<text class="title" x="%d" y="%.0f">%s</text>`+"\n", nightLeft, top-20, title)
	for i := range 5 {
		v := highest * float64(i) / 4
		fmt.Fprintf(out, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`,
			nightLeft, nightWidth-nightRight, y(v), y(v))
		fmt.Fprintf(out, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", nightLeft-8, y(v)+4, short(v))
		events := most * float64(i) / 4
		fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="middle">%.0f</text>`+"\n",
			x(events), top+nightPanel+18, events)
	}
	fmt.Fprintf(out, `<text x="%.0f" y="%.1f" text-anchor="middle">events since the verification before</text>`+"\n",
		x(most/2), top+nightPanel+36)
	fmt.Fprintf(out, `<line class="whole" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, nightLeft, nightWidth-nightRight,
		y(of(whole)), y(of(whole)))
	fmt.Fprintf(out, `<text x="%d" y="%.1f">everything,</text><text x="%d" y="%.1f">%d rows</text>`+"\n",
		nightWidth-nightRight+8, y(of(whole))+4, nightWidth-nightRight+8, y(of(whole))+20, whole.rows)
	out.WriteString(`<polyline class="line" points="`)
	for _, n := range nights {
		fmt.Fprintf(out, "%.1f,%.1f ", x(float64(n.events)), y(of(n)))
	}
	out.WriteString("\"/>\n")
	for _, n := range nights {
		fmt.Fprintf(out, `<circle class="dot" cx="%.1f" cy="%.1f" r="3"/>`+"\n", x(float64(n.events)), y(of(n)))
	}
}

func short(v float64) string {
	if v >= 10 || v == 0 {
		return fmt.Sprintf("%.0f", math.Round(v))
	}
	return fmt.Sprintf("%.1f", v)
}
