package journal

import (
	"fmt"
	"time"
)

// The spaces of keys. Ids hold neither zero bytes nor characters below '-', so
// that a zero byte ends them.
const (
	executions  = "execution\x00"  // id -> Execution
	sequences   = "sequence\x00"   // id -> Sequence
	histories   = "history\x00"    // id, event id -> states.Event
	frames      = "frame\x00"      // id, path -> Frame
	answers     = "answer\x00"     // id, path -> Answer
	mapRuns     = "run\x00"        // map run id -> Run
	mapRunLists = "runs\x00"       // execution id, start time, map run id -> map run id
	childLists  = "child\x00"      // map run id, index -> execution id
	lists       = "list\x00"       // machine, start time from new to old, id -> id
	definitions = "definition\x00" // hash -> the definition's text

	// Open lists the ids of executions that have not ended.
	Open = "open\x00"
	// Ended lists stop time and id of executions without a parent: EndedID.
	Ended = "ended\x00"
	// Notices lists the ids of executions whose end was not handed on yet.
	Notices = "notice\x00"
)

// After is the smallest key above every key that begins with prefix, which
// ends with a zero byte.
func After(prefix string) string { return prefix[:len(prefix)-1] + "\x01" }

// ExecutionKey is the key of an execution's record.
func ExecutionKey(id string) string { return executions + id }

// SequenceKey is the key of an execution's last event.
func SequenceKey(id string) string { return sequences + id }

// OpenKey says that an execution has not ended.
func OpenKey(id string) string { return Open + id }

// NoticeKey says that an execution's end was not handed on yet.
func NoticeKey(id string) string { return Notices + id }

// DefinitionKey is the key of a definition by its hash.
func DefinitionKey(hash string) string { return definitions + hash }

// History begins the keys of an execution's events.
func History(id string) string { return histories + id + "\x00" }

// HistoryKey is the key of an event.
func HistoryKey(id string, event int64) string { return fmt.Sprintf("%s%08x", History(id), event) }

// Frames begins the keys of an execution's threads.
func Frames(id string) string { return frames + id + "\x00" }

// FrameKey is the key of a thread.
func FrameKey(id, path string) string { return Frames(id) + path }

// Answers begins the keys of the answers that came for an execution's tokens.
func Answers(id string) string { return answers + id + "\x00" }

// AnswerKey is the key of the answer for a thread's token.
func AnswerKey(id, path string) string { return Answers(id) + path }

// List begins the keys of a machine's executions, from new to old.
func List(machine string) string { return lists + machine + "\x00" }

// ListKey is the place of an execution in its machine's list.
func ListKey(machine string, start time.Time, id string) string {
	return fmt.Sprintf("%s%016x\x00%s", List(machine), uint64(1)<<62-uint64(start.UnixNano()), id)
}

// EndedKey is the place of an execution in the list of those that ended.
func EndedKey(stop time.Time, id string) string {
	return fmt.Sprintf("%s%016x\x00%s", Ended, uint64(stop.UnixNano()), id)
}

// EndedID takes the id out of an EndedKey.
func EndedID(key string) string { return key[len(Ended)+17:] }

// RunKey is the key of a map run's record.
func RunKey(run string) string { return mapRuns + run }

// Runs begins the keys of an execution's map runs, from old to new.
func Runs(id string) string { return mapRunLists + id + "\x00" }

// RunListKey is the place of a map run among those of its execution.
func RunListKey(id string, start time.Time, run string) string {
	return fmt.Sprintf("%s%016x\x00%s", Runs(id), uint64(start.UnixNano()), run)
}

// Children begins the keys of a map run's children, in the order of the items.
func Children(run string) string { return childLists + run + "\x00" }

// ChildKey is the place of a child among those of its map run.
func ChildKey(run string, index int) string { return fmt.Sprintf("%s%08x", Children(run), index) }
