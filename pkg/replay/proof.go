package replay

import (
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection/codecheck"
)

// Proof compares a replay's cut with what was read, delivered and applied. Counts
// are events.
type Proof struct {
	Complete bool `json:"complete"`
	// Scoped is set for a replay of single entities, which has no manifest to
	// compare with: what was read counts as expected.
	Scoped   bool `json:"scoped,omitempty"`
	Expected Sum  `json:"expected"`
	Read     Sum  `json:"read"`
	// Selected is the part of Read that passed the filter; Applied is the sum of
	// the consumer's marks.
	Selected Sum `json:"selected"`
	Applied  Sum `json:"applied"`
	// Rows is the totals of a rebuilt generation's rows.
	Rows *datastore.Counts `json:"rows,omitempty"`
	// Ignored counts the events that no projection of a rebuild handles, nil if
	// there are none.
	Ignored *datastore.Ignored `json:"ignored,omitempty"`
	// Version is a rebuilt generation's version of the projections.
	Version string `json:"version,omitempty"`
	// SameVersion compares the states of a rebuilt generation with those of the
	// active one, nil if that belongs to another version or is lost. A difference
	// does not make the proof incomplete: the new states are what the log folds to.
	SameVersion *codecheck.Comparison `json:"sameVersion,omitempty"`
	// Differences are what does not agree, at most maxDifferences of them.
	Differences []Difference `json:"differences,omitempty"`
	// Lost describes accepted events that are missing from the platform, so that no
	// replay can deliver them. An operator has accepted the loss.
	Lost []string `json:"lost,omitempty"`
}

// Difference is a lane in which two counts or digests do not agree.
type Difference struct {
	Lane event.Lane `json:"lane"`
	What string     `json:"what"`
	Want int64      `json:"want"`
	Have int64      `json:"have"`
}

const maxDifferences = 64

func (p *Proof) complete() bool { return p != nil && p.Complete }

// compareHead compares a lane's cut with its head, its manifests and the log's
// witnesses. A replay that is bounded in time has not summed all manifests.
func (p *Proof) compareHead(plan LanePlan, now headNow, end *End, bounded bool) {
	cut := &plan.Head
	switch {
	case now.lost:
		p.differ(plan.Lane, "the lane's head is behind what the log has witnessed: restore the control table", cut.Count, 0)
	case now.position < cut.Position:
		p.differ(plan.Lane, "the lane's head has gone back behind the cut: restore the control table", cut.Count, 0)
	case end != nil && end.Stranded > now.position:
		p.differ(plan.Lane, "the log holds events beyond the lane's head that the event stream holds no more", 0, 1)
	case end != nil && end.Missing != "":
		p.differ(plan.Lane, "the table holds events that are neither in the log nor set aside: "+
			"the lane's head was set back; restore the control table", 0, 1)
	}
	if p.Scoped || bounded {
		return
	}
	counted := Sum{Count: cut.Count, Bytes: cut.Bytes, Digest: plan.Expect.Digest}
	if cut.Digest != nil {
		counted.Digest = *cut.Digest
	}
	p.compareSums(plan.Lane, "in the manifests of what the head counts", counted, plan.Expect)
}

func (p *Proof) addRows(lane event.Lane, rows *datastore.Counts) {
	p.Rows.AddAll(*rows)
	if rows.Others > 0 {
		p.differ(lane, "rows of another version of the projections", 0, rows.Others)
	}
}

func (p *Proof) compareLane(
	lane event.Lane, plan LanePlan, at Checkpoint, mark datastore.Mark, rows *datastore.Counts,
) {
	end := End{Read: at.Read, Delivered: at.Delivered}
	if at.End != nil {
		end = *at.End
	}
	expected := plan.Expect
	if p.Scoped {
		expected = end.Read
	}
	took := Sum{Count: mark.Ordinal, Bytes: mark.Bytes, Digest: mark.Digest}
	p.Expected.AddSum(expected)
	p.Read.AddSum(end.Read)
	p.Selected.AddSum(end.Delivered)
	p.Applied.AddSum(took)
	if at.End == nil {
		p.differ(lane, "the lane has no end marker", expected.Count, end.Read.Count)
	}
	p.compareSums(lane, "read of the log", expected, end.Read)
	p.compareSums(lane, "consumed", end.Delivered, took)
	if rows != nil && rows.Seen() != took.Count {
		p.differ(lane, "seen by the rows", took.Count, rows.Seen())
	}
}

func (p *Proof) compareSums(lane event.Lane, what string, want, have Sum) {
	switch {
	case want.Count != have.Count:
		p.differ(lane, "events "+what, want.Count, have.Count)
	case want.Bytes != have.Bytes:
		p.differ(lane, "bytes "+what, want.Bytes, have.Bytes)
	case want.Digest != have.Digest:
		p.differ(lane, "digest of the events "+what+" (counts are equal, contents differ)", want.Count, have.Count)
	}
}

func (p *Proof) differ(lane event.Lane, what string, want, have int64) {
	if len(p.Differences) < maxDifferences {
		p.Differences = append(p.Differences, Difference{lane, what, want, have})
	}
}
