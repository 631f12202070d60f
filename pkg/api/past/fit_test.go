package past

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/api/web"
	"reprise/pkg/projection/statediff"
)

// Names of fields may be as long as a state: what is shown is bounded, and says how much
// there is.
func TestWhatIsShownOfChangesIsBounded(t *testing.T) {
	long := strings.Repeat("<", 30_000)
	var changes []statediff.Change
	fields := make(map[string]int)
	for i := range maxChanges {
		name := fmt.Sprint(i, long)
		fields[name] = i
		changes = append(changes, statediff.Change{Path: "/" + name, New: "1"})
	}
	e := Explained{Changes: changes, Changed: maxChanges}
	size, err := e.fit()
	raw, _ := json.Marshal(e)
	if err != nil || size > maxExplainedBytes || len(raw) != size || e.Changed != maxChanges {
		t.Errorf("%d bytes of %d, %d changes of %d, %v", len(raw), size, len(e.Changes), e.Changed, err)
	}
	few := Explained{Changes: changes[:1:1], Changed: 1}
	few.Changes[0] = statediff.Change{Path: "/a", New: "1"}
	if _, err := few.fit(); err != nil || len(few.Changes) != 1 {
		t.Errorf("%+v, %v", few, err)
	}
	state, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	d := Difference{From: End{state: []byte(`{"a":1}`)}, To: End{state: state}}
	if err := d.compare(); err != nil {
		t.Fatal(err)
	}
	raw, _ = json.Marshal(d)
	if len(raw) > web.MaxPageBytes+1000 || len(d.Changes) < 2 || d.Changed != maxChanges+1 {
		t.Errorf("%d bytes, %d changes of %d", len(raw), len(d.Changes), d.Changed)
	}
}
