package journal_test

import (
	"errors"
	"strings"
	"testing"

	"reprise/pkg/asl/journal"
)

// The rest of the record stays readable.
func TestDecodeCutsWhatIsTooDeep(t *testing.T) {
	deep := `{"]\"}":` + strings.Repeat("[", 9_999) + `"]"` + strings.Repeat("]", 9_999) + `}`
	var record journal.Execution
	if err := journal.Decode([]byte(`{"id":"m:a","input":`+deep+`,"name":"a"}`), &record); err != nil {
		t.Fatal(err)
	}
	got := string(record.Input)
	if record.ID != "m:a" || record.Name != "a" || !strings.HasPrefix(got, `{"]\"}":[[`) ||
		strings.Count(got, "[") != 4_998 || !strings.Contains(got, "[null]") {
		t.Errorf("record %s %s with input %.40s of %d lists", record.ID, record.Name, got, strings.Count(got, "["))
	}
	if err := journal.Decode([]byte(`{"id":`), &record); !errors.Is(err, journal.ErrRecord) {
		t.Errorf("half a record: %v", err)
	}
}
