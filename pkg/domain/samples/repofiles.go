package samples

import (
	"encoding/json"
	"fmt"
	"math"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// FileState is the state of one file after the commits of a repository.
type FileState struct {
	Added   int64 `json:"added"`
	Deleted int64 `json:"deleted"`
	// Lines is the current number of lines.
	Lines   int64 `json:"lines"`
	Changes int64 `json:"changes"`
}

// RepoFiles folds file.changed events, each of which carries the lines that a
// commit added and deleted and the difference between the two.
func RepoFiles() projection.Projection {
	return projection.New("repofiles", 1, []string{"file.changed"}, foldFile)
}

func foldFile(state FileState, e *event.Event) (FileState, error) {
	var change struct {
		Added   *int64 `json:"added"`
		Deleted *int64 `json:"deleted"`
		Lines   *int64 `json:"lines"`
	}
	if err := json.Unmarshal([]byte(e.Data), &change); err != nil {
		return state, fmt.Errorf("data is not a file change")
	}
	if change.Added == nil || change.Deleted == nil || change.Lines == nil {
		return state, fmt.Errorf("data lacks added, deleted or lines")
	}
	if *change.Added < 0 || *change.Deleted < 0 {
		return state, fmt.Errorf("added and deleted must not be negative")
	}
	added, fits := sum(state.Added, *change.Added)
	deleted, fitsToo := sum(state.Deleted, *change.Deleted)
	lines, alsoFits := sum(state.Lines, *change.Lines)
	if !fits || !fitsToo || !alsoFits {
		return state, fmt.Errorf("a number of lines would be larger than %d", int64(math.MaxInt64))
	}
	return FileState{Added: added, Deleted: deleted, Lines: lines, Changes: state.Changes + 1}, nil
}

// sum adds two numbers. ok is false if the sum does not fit.
func sum(a, b int64) (total int64, ok bool) {
	total = a + b
	return total, (total > a) == (b > 0)
}
