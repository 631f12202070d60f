package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"reprise/pkg/event"
)

// journalEnd is at the end of the name of an import's journal, beside the export.
const journalEnd = ".importing"

// progressOf is how far an import is. It exists while the import is not whole.
type progressOf struct {
	// Export is the checksum of the export, and Endpoint where it goes to.
	Export   string `json:"export"`
	Endpoint string `json:"endpoint"`
	// Before is how many events each lane of the target had when the import began.
	Before []int64 `json:"before"`
	// Accepted is how many events of each lane of the target were accepted: the first of
	// them, since each lane has one sender.
	Accepted []int64 `json:"accepted"`
}

// journal keeps the progress of an import in a file. It is safe for concurrent use.
type journal struct {
	path string
	mu   sync.Mutex
	at   progressOf
}

// openJournal reads the journal of the same import, or begins one. resumed is set if
// there was one.
func openJournal(path string, begin progressOf) (j *journal, resumed bool, err error) {
	j = &journal{path: path, at: begin}
	raw, err := os.ReadFile(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return j, false, j.save()
	}
	if err != nil {
		return nil, false, fmt.Errorf("read progress of the import: %w", err)
	}
	var found progressOf
	err = json.Unmarshal(raw, &found)
	if err != nil || found.Export != begin.Export || found.Endpoint != begin.Endpoint ||
		len(found.Accepted) != len(begin.Accepted) {
		return nil, false, errOtherImport
	}
	j.at = found
	return j, true, nil
}

// errOtherImport says that a journal is that of another import.
var errOtherImport = errors.New("an unfinished import of another export, or to another platform, is there")

// add notes that the next events of some lanes were accepted.
func (j *journal) add(events map[event.Lane]int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for lane, n := range events {
		j.at.Accepted[lane] += n
	}
	return j.save()
}

// accepted is how many events were accepted in all.
func (j *journal) accepted() int64 { return sumOfAll(j.at.Accepted) }

func sumOfAll(numbers []int64) (sum int64) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// save replaces the file, so that it is always whole.
func (j *journal) save() error {
	raw, err := json.Marshal(j.at)
	if err == nil {
		err = os.WriteFile(j.path+".new", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return fmt.Errorf("write progress of the import: %w", err)
	}
	return nil
}

func (j *journal) remove() error {
	if err := os.Remove(j.path); err != nil {
		return fmt.Errorf("remove progress of the import: %w", err)
	}
	return nil
}
