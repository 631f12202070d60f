package forecast

import (
	"math"

	"reprise/pkg/event/record"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/planning"
	"reprise/pkg/replay/request"
)

// Cost is the expected price of a replay's own calls in US dollars, at the list prices
// of meter.OnDemand. Like spending.Cost, it does not include Lambda time, shard hours,
// storage and transfer.
type Cost struct {
	Dollars Dollars `json:"dollars"`
	Parts   []Part  `json:"parts"`
}

// Dollars is an honest range of a price.
type Dollars struct {
	AtLeast float64 `json:"atLeast"`
	AtMost  float64 `json:"atMost"`
}

// Part is the cost of a part of the work.
type Part struct {
	Name    string  `json:"part"`
	Units   Usages  `json:"units"`
	Dollars Dollars `json:"dollars"`
}

// Usages is an honest range of a usage.
type Usages struct {
	AtLeast meter.Usage `json:"atLeast"`
	AtMost  meter.Usage `json:"atMost"`
}

// What the service adds to the bytes of an item, and what a child execution and a
// loop of the state machine take. A document is a small item of the control table.
const (
	readBlock = 4 << 10
	putBlock  = 25 << 10
	// itemBytes is the most that keys and attributes add to an event's line.
	itemBytes = 400
	// compression is the most that a stored or delivered line is compressed by.
	compression = 20
	// childTransitions are those of a segment reader that is done at once, and
	// loopTransitions those of one that is invoked again; a reader reads for minutes.
	childTransitions = 4
	loopTransitions  = 2
	readerBytes      = 256 << 20
	// machineTransitions are those of the states around the map run.
	machineTransitions = 20
)

// costOf is the price of a plan by part. Each part's least and most stand for what
// manifests do not tell: how well events are compressed, how many are selected, how
// many entities there are, and whether pages are read consistently.
func costOf(r replay.Request, p *planning.Preview, delivered Range) Cost {
	parts := []Part{
		part("plan", planned(p)),
		part("read the log", read(r, p)),
		part("deliver", deliver(r, p, delivered)),
		part("consume", consume(p, delivered)),
	}
	if r.Rebuild {
		parts = append(parts, part("fold", fold(p)), part("prove", prove(p)))
	}
	parts = append(parts, part("orchestrate", transitions(r, p)))
	c := Cost{Parts: parts}
	for _, x := range parts {
		c.Dollars.AtLeast += x.Dollars.AtLeast
		c.Dollars.AtMost += x.Dollars.AtMost
	}
	return c
}

func part(name string, u Usages) Part {
	prices := meter.OnDemand()
	return Part{name, u, Dollars{prices.Cost(u.AtLeast), prices.Cost(u.AtMost)}}
}

// planned is one document for each lane and a few for the replay; manifests are read
// in pages.
func planned(p *planning.Preview) Usages {
	lanes := float64(p.Lanes)
	return Usages{
		AtLeast: meter.Usage{WriteUnits: lanes, ReadUnits: lanes},
		AtMost:  meter.Usage{WriteUnits: 4*lanes + 20, ReadUnits: 10*lanes + 40},
	}
}

func read(r replay.Request, p *planning.Preview) Usages {
	u := Usages{AtMost: meter.Usage{
		ReadUnits: blocks(p.Bytes+itemBytes*p.Events, readBlock) + float64(2*p.Lanes*p.Slices),
	}}
	if !r.Scoped() {
		u.AtLeast.ReadUnits = blocks(p.Bytes/compression, readBlock) / 2
	}
	return u
}

// records are the playback records: a lane's lines fill one after the other, and a
// slice or a reader's end may cut one short.
func records(p *planning.Preview, events int64) (least, most float64) {
	share := float64(events) / float64(max(1, p.Events))
	bytes := share * float64(p.Bytes)
	full := math.Floor(bytes / (record.TargetBytes + record.TargetBytes/4))
	if events > 0 {
		full = max(1, full)
	}
	cut := float64(p.Lanes * (p.Slices + 1))
	return full, min(float64(events), math.Ceil(bytes/record.TargetBytes)+float64(events)/record.MaxEvents+cut)
}

func deliver(r replay.Request, p *planning.Preview, delivered Range) Usages {
	least, _ := records(p, delivered.AtLeast)
	_, most := records(p, delivered.AtMost)
	lanes := float64(p.Lanes)
	u := Usages{
		AtLeast: meter.Usage{PutUnits: least, WriteUnits: lanes, ReadUnits: lanes},
		AtMost:  meter.Usage{PutUnits: most + blocks(p.Bytes, putBlock)},
	}
	// Each record has a checkpoint, which is a read and a write of a small document,
	// and rows are read for steering.
	u.AtMost.WriteUnits, u.AtMost.ReadUnits = 2*most+2*lanes, 2*most+4*lanes+float64(10*p.Children)
	return u
}

func consume(p *planning.Preview, delivered Range) Usages {
	least, _ := records(p, delivered.AtLeast)
	_, most := records(p, delivered.AtMost)
	lanes := float64(p.Lanes)
	return Usages{
		AtLeast: meter.Usage{WriteUnits: min(least, lanes), ReadUnits: min(least, lanes)},
		AtMost:  meter.Usage{WriteUnits: 3 * (most + lanes), ReadUnits: 6 * (most + lanes)},
	}
}

// fold is at least one row for each lane, and at most one for each event, which also
// has an entry in the index of an entity with many.
func fold(p *planning.Preview) Usages {
	lanes, events := float64(p.Lanes), float64(p.Events)
	return Usages{
		AtLeast: meter.Usage{WriteUnits: lanes},
		AtMost:  meter.Usage{WriteUnits: 2*events + lanes, ReadUnits: 2*events + lanes},
	}
}

// prove reads the rows of the new generation and of the active one.
func prove(p *planning.Preview) Usages {
	lanes, events := float64(p.Lanes), float64(p.Events)
	return Usages{
		AtLeast: meter.Usage{ReadUnits: lanes},
		AtMost:  meter.Usage{ReadUnits: events + 20*lanes + 20, WriteUnits: 10 * lanes},
	}
}

func transitions(r replay.Request, p *planning.Preview) Usages {
	rounds := 1.0
	if r.Order() == request.ByWindow {
		rounds = float64(max(1, p.Slices))
	}
	children := rounds * float64(p.Children)
	loops := blocks(p.Bytes+itemBytes*p.Events, readerBytes)
	return Usages{
		AtLeast: meter.Usage{Transitions: childTransitions * float64(p.Children)},
		AtMost: meter.Usage{Transitions: machineTransitions + 2*childTransitions*children + loopTransitions*loops +
			rounds*8},
	}
}

func blocks(bytes int64, size int64) float64 { return math.Ceil(float64(bytes) / float64(size)) }
