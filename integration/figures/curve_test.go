package figures

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

// The size of the picture and of the room for the labels, in points.
const (
	curveWidth, panelHeight = 760, 170
	marginLeft, marginRight = 64, 16
	marginTop, panelGap     = 46, 74
)

// series is a line of the picture.
type series struct {
	class string
	of    func(moment) float64
}

// panel is a chart over the time.
type panel struct {
	title, unit string
	lines       []series
	top         float64 // its upper edge
	highest     float64
	legend      [][2]string // class and text
}

// drawCurve draws the live lag and the rates over the time. The same moments give the same
// picture. Its colours follow the reader's, light or dark.
func drawCurve(moments []moment) []byte {
	panels := []panel{
		{title: "Lag of the live path", unit: "s", lines: []series{{"lag", func(m moment) float64 { return m.lag }}},
			legend: [][2]string{{"slow", "the rebuild is slowed because live events wait"}}},
		{title: "Events a second", lines: []series{
			{"replayed", func(m moment) float64 { return m.replayed }}, {"live", func(m moment) float64 { return m.live }},
		}, legend: [][2]string{{"replayed", "taken in by the rebuild"}, {"live", "accepted live"}}},
	}
	var out bytes.Buffer
	height := marginTop + len(panels)*(panelHeight+panelGap)
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" `+
		`aria-label="Lag of the live path and rates of events over time, while a rebuild runs">`+"\n%s", curveWidth, height,
		curveStyle)
	for i := range panels {
		p := &panels[i]
		p.top = float64(marginTop + i*(panelHeight+panelGap))
		p.draw(&out, moments)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

const curveStyle = `<style>
  text { font: 12px system-ui, sans-serif; fill: #424a53 }
  .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .lag { stroke: #bc4c00 } .replayed { stroke: #0969da } .live { stroke: #1a7f37 }
  .slow { fill: #bc4c00; fill-opacity: .14; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #c9d1d9 } .grid { stroke: #3d444d }
    .lag { stroke: #f0883e } .replayed { stroke: #58a6ff } .live { stroke: #3fb950 } .slow { fill: #f0883e }
  }
</style>
`

func (p *panel) draw(out io.Writer, moments []moment) {
	for _, line := range p.lines {
		for _, m := range moments {
			p.highest = max(p.highest, line.of(m))
		}
	}
	step := roundStep(p.highest / 4)
	p.highest = step * math.Ceil(max(p.highest, step)/step)
	_, _ = fmt.Fprintf(out, `<text class="title" x="%d" y="%.0f">%s</text>`+"\n", marginLeft, p.top-22, p.title)
	for value := 0.0; value <= p.highest+step/2; value += step {
		_, _ = fmt.Fprintf(out, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" `+
			`text-anchor="end">%s</text>`+"\n", marginLeft, curveWidth-marginRight, p.y(value), p.y(value), marginLeft-8,
			p.y(value)+4, strings.TrimSpace(numberText(value)+" "+p.unit))
	}
	end := moments[len(moments)-1].at
	x := func(at float64) float64 { return marginLeft + at/end*float64(curveWidth-marginLeft-marginRight) }
	for at, every := 0.0, roundStep(end/8); at <= end; at += every {
		_, _ = fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="middle">%s s</text>`+"\n", x(at),
			p.top+panelHeight+18, numberText(at))
	}
	if p.unit == "s" {
		p.shade(out, moments, x)
	}
	for _, line := range p.lines {
		var points strings.Builder
		for _, m := range moments {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(m.at), p.y(line.of(m)))
		}
		_, _ = fmt.Fprintf(out, `<polyline class="line %s" points="%s"/>`+"\n", line.class,
			strings.TrimSpace(points.String()))
	}
	p.explain(out)
}

// shade marks the time in which the rebuild is slowed.
func (p *panel) shade(out io.Writer, moments []moment, x func(float64) float64) {
	before := 0.0
	for _, m := range moments {
		if m.slowed == "live-lag" {
			_, _ = fmt.Fprintf(out, `<rect class="slow" x="%.1f" y="%.1f" width="%.1f" height="%d"/>`+"\n", x(before), p.top,
				x(m.at)-x(before), panelHeight)
		}
		before = m.at
	}
}

func (p *panel) explain(out io.Writer) {
	x := float64(curveWidth - marginRight)
	for _, entry := range p.legend {
		x -= 7*float64(len(entry[1])) + 34
		mark := fmt.Sprintf(`<line class="line %s" x1="%.0f" x2="%.0f" y1="%.0f" y2="%.0f"/>`, entry[0], x, x+18, p.top-26,
			p.top-26)
		if entry[0] == "slow" {
			mark = fmt.Sprintf(`<rect class="slow" x="%.0f" y="%.0f" width="18" height="12"/>`, x, p.top-32)
		}
		_, _ = fmt.Fprintf(out, `%s<text x="%.0f" y="%.0f">%s</text>`+"\n", mark, x+24, p.top-22, entry[1])
	}
}

func (p *panel) y(value float64) float64 { return p.top + panelHeight*(1-value/p.highest) }

// roundStep is the next 1, 2 or 5 times a power of ten.
func roundStep(n float64) float64 {
	if n <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(n)))
	for _, factor := range []float64{1, 2, 5} {
		if n <= factor*power {
			return factor * power
		}
	}
	return 10 * power
}

// numberText groups the digits of whole numbers.
func numberText(n float64) string {
	if n >= 1000 {
		return fmt.Sprintf("%d,%03d", int(n)/1000, int(n)%1000)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
}

// The picture is XML, follows the reader's colours, and is the same for the same moments.
func TestTheCurveIsDrawnReproducibly(t *testing.T) {
	var moments []moment
	for i := range 40 {
		m := moment{at: float64(i + 1), lag: float64(i%7) / 3, live: 2000, replayed: float64(1000 * (i % 20))}
		if i > 20 {
			m.slowed = "live-lag"
		}
		moments = append(moments, m)
	}
	picture := drawCurve(moments)
	if !bytes.Equal(picture, drawCurve(moments)) {
		t.Error("the same moments give two pictures")
	}
	lines := 0
	for decoder := xml.NewDecoder(bytes.NewReader(picture)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
			lines++
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "20,000", "2 s</text>", `class="slow"`} {
		if !strings.Contains(string(picture), want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if lines != 3 || strings.Contains(string(picture), "NaN") {
		t.Errorf("%d lines:\n%s", lines, picture)
	}
}
