package replay

import (
	"slices"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// sumOf is a sum that differs in each of its parts from the sum of any other
// count.
func sumOf(count int64) Sum {
	return Sum{Count: count, Bytes: 100 * count, Digest: event.Digest{Lo: uint64(count)}}
}

// differs is the only difference of a lane.
func differs(what string, want, have int64) []Difference { return []Difference{{3, what, want, have}} }

func digestOf(what string) string {
	return "digest of the events " + what + " (counts are equal, contents differ)"
}

func wantDifferences(t *testing.T, name string, proof Proof, want []Difference) {
	t.Helper()
	if !slices.Equal(proof.Differences, want) {
		t.Errorf("%s: differences %+v, want %+v", name, proof.Differences, want)
	}
}

// A lane's head may have moved since the cut, but it is never behind the cut or
// behind what the log itself knows, and it has lost nothing that the reader
// found in the table.
func TestALanesHeadIsHeldAgainstTheLog(t *testing.T) {
	const (
		lost     = "the lane's head is behind what the log has witnessed: restore the control table"
		back     = "the lane's head has gone back behind the cut: restore the control table"
		stranded = "the log holds events beyond the lane's head that the event stream holds no more"
		missing  = "the table holds events that are neither in the log nor set aside: " +
			"the lane's head was set back; restore the control table"
	)
	plan := LanePlan{Lane: 3, Head: eventlog.Head{Position: "5", Count: 2}}
	for name, tt := range map[string]struct {
		now  headNow
		end  *End
		want []Difference
	}{
		"as of the cut":            {headNow{"5", false}, nil, nil},
		"beyond the cut":           {headNow{"7", false}, &End{}, nil},
		"lost":                     {headNow{"7", true}, &End{}, differs(lost, 2, 0)},
		"back before the cut":      {headNow{"4", false}, nil, differs(back, 2, 0)},
		"stranded beyond the head": {headNow{"7", false}, &End{Stranded: "8"}, differs(stranded, 0, 1)},
		"the head has come to it":  {headNow{"8", false}, &End{Stranded: "8"}, nil},
		"the head has passed it":   {headNow{"9", false}, &End{Stranded: "8"}, nil},
		"missing":                  {headNow{"7", false}, &End{Missing: "3"}, differs(missing, 0, 1)},
		"missing, none stranded":   {headNow{"9", false}, &End{Stranded: "8", Missing: "3"}, differs(missing, 0, 1)},
	} {
		for _, bounded := range []bool{true, false} {
			proof := Proof{Scoped: !bounded} // neither is held against what the head counts
			proof.compareHead(plan, tt.now, tt.end, bounded)
			wantDifferences(t, name, proof, tt.want)
		}
	}
}

// In a replay of the whole log, what a head counts is the sum of its manifests.
func TestAHeadIsHeldAgainstItsManifests(t *testing.T) {
	const of = "in the manifests of what the head counts"
	digest, other := sumOf(2).Digest, sumOf(3).Digest
	for name, tt := range map[string]struct {
		head   eventlog.Head
		expect Sum
		want   []Difference
	}{
		"equal":           {eventlog.Head{Count: 2, Bytes: 200, Digest: &digest}, sumOf(2), nil},
		"without digest":  {eventlog.Head{Count: 2, Bytes: 200}, sumOf(2), nil},
		"other events":    {eventlog.Head{Count: 2, Bytes: 200}, sumOf(3), differs("events "+of, 2, 3)},
		"other bytes":     {eventlog.Head{Count: 2, Bytes: 190}, sumOf(2), differs("bytes "+of, 190, 200)},
		"another content": {eventlog.Head{Count: 2, Bytes: 200, Digest: &other}, sumOf(2), differs(digestOf(of), 2, 2)},
	} {
		var proof Proof
		proof.compareHead(LanePlan{Lane: 3, Head: tt.head, Expect: tt.expect}, headNow{}, nil, false)
		wantDifferences(t, name, proof, tt.want)
	}
}

// A lane is read up to an end marker, and what was read is what its manifests
// expect.
func TestALaneIsHeldAgainstItsManifests(t *testing.T) {
	bytes, content := sumOf(3), sumOf(3)
	bytes.Bytes++
	content.Digest.Hi++
	for name, tt := range map[string]struct {
		end  *End
		want []Difference
	}{
		"equal":           {&End{Read: sumOf(3)}, nil},
		"not all of it":   {&End{Read: sumOf(2)}, differs("events read of the log", 3, 2)},
		"other bytes":     {&End{Read: bytes}, differs("bytes read of the log", 300, 301)},
		"another content": {&End{Read: content}, differs(digestOf("read of the log"), 3, 3)},
		"not to its end": {nil, append(differs("the lane has no end marker", 3, 0),
			differs("events read of the log", 3, 0)...)},
	} {
		var proof Proof
		proof.compareLane(3, LanePlan{Expect: sumOf(3)}, Checkpoint{End: tt.end}, datastore.Mark{}, nil)
		wantDifferences(t, name, proof, tt.want)
	}
}

// What was delivered was consumed, and the rows of a rebuild have seen it.
func TestALaneIsHeldAgainstItsMarkAndRows(t *testing.T) {
	whole := datastore.Mark{Ordinal: 2, Bytes: 200, Digest: sumOf(2).Digest}
	less, bytes, content := whole, whole, whole
	less.Ordinal--
	bytes.Bytes++
	content.Digest.Hi++
	for name, tt := range map[string]struct {
		mark datastore.Mark
		rows *datastore.Counts
		want []Difference
	}{
		"equal, without rows":  {whole, nil, nil},
		"equal":                {whole, &datastore.Counts{Applied: 2}, nil},
		"not all was consumed": {less, nil, differs("events consumed", 2, 1)},
		"other bytes":          {bytes, nil, differs("bytes consumed", 200, 201)},
		"another content":      {content, nil, differs(digestOf("consumed"), 2, 2)},
		"not all was seen":     {whole, &datastore.Counts{Applied: 1}, differs("seen by the rows", 2, 1)},
	} {
		var proof Proof
		end := &End{Read: sumOf(3), Delivered: sumOf(2)}
		proof.compareLane(3, LanePlan{Expect: sumOf(3)}, Checkpoint{End: end}, tt.mark, tt.rows)
		wantDifferences(t, name, proof, tt.want)
	}
}

// Every sum of a proof is the sum over its lanes. For single entities, what was
// read counts as expected.
func TestAProofSumsUpItsLanes(t *testing.T) {
	for _, scoped := range []bool{false, true} {
		proof := Proof{Scoped: scoped}
		for range 2 {
			end := &End{Read: sumOf(30), Delivered: sumOf(200)}
			proof.compareLane(0, LanePlan{Expect: sumOf(4)}, Checkpoint{End: end}, datastore.Mark{Ordinal: 1_000}, nil)
		}
		expected := sumOf(8)
		if scoped {
			expected = sumOf(60)
		}
		if proof.Expected != expected || proof.Read != sumOf(60) || proof.Selected != sumOf(400) ||
			proof.Applied.Count != 2_000 {
			t.Errorf("scoped %t: %+v", scoped, proof)
		}
	}
}

// A proof names a bounded number of differences, however much is damaged.
func TestAProofNamesABoundedNumberOfDifferences(t *testing.T) {
	var proof Proof
	for lane := range event.Lane(100) {
		proof.differ(lane, "something", 1, 2)
	}
	if n := len(proof.Differences); n != 64 || proof.Differences[63].Lane != 63 {
		t.Errorf("%d differences", n)
	}
}
