package journal

import (
	"fmt"
	"time"
)

// The prefixes of keys. Ids contain no control characters, so a zero byte ends
// them.
const (
	executions  = "execution\x00"  // id -> Execution
	sequences   = "sequence\x00"   // id -> Sequence
	histories   = "history\x00"    // id, event id -> states.Event
	frames      = "frame\x00"      // id, path -> Frame
	answers     = "answer\x00"     // id, path -> Answer
	mapRuns     = "run\x00"        // map run id -> Run
	mapRunLists = "runs\x00"       // execution id, start time, map run id -> map run id
	childLists  = "child\x00"      // map run id, index -> execution id
	lists       = "list\x00"       // machine, start time (newest first), id -> id
	definitions = "definition\x00" // hash -> the definition's text

	// Open lists the ids of executions that have not ended.
	Open = "open\x00"
	// Ended lists stop time and id of executions without a parent: EndedID.
	Ended = "ended\x00"
	// Notices lists the ids of executions whose end OnEnd has not accepted yet.
	Notices = "notice\x00"
)

// After is the smallest key above every key with the prefix, which must end
// with a zero byte.
func After(prefix string) string { return prefix[:len(prefix)-1] + "\x01" }

// ExecutionKey is the key of an execution's record.
func ExecutionKey(id string) string { return executions + id }

// SequenceKey is the key of an execution's last event.
func SequenceKey(id string) string { return sequences + id }

// OpenKey exists as long as an execution has not ended.
func OpenKey(id string) string { return Open + id }

// NoticeKey exists from an execution's end until OnEnd has accepted it.
func NoticeKey(id string) string { return Notices + id }

// DefinitionKey is the key of a definition by its hash.
func DefinitionKey(hash string) string { return definitions + hash }

// History is the prefix of the keys of an execution's events.
func History(id string) string { return histories + id + "\x00" }

// HistoryKey is the key of an event.
func HistoryKey(id string, event int64) string { return fmt.Sprintf("%s%08x", History(id), event) }

// Frames is the prefix of the keys of an execution's threads.
func Frames(id string) string { return frames + id + "\x00" }

// FrameKey is the key of a thread.
func FrameKey(id, path string) string { return Frames(id) + path }

// Answers is the prefix of the keys of the answers to an execution's task
// tokens.
func Answers(id string) string { return answers + id + "\x00" }

// AnswerKey is the key of the answer to a thread's task token.
func AnswerKey(id, path string) string { return Answers(id) + path }

// List is the prefix of the keys of a machine's executions, newest first.
func List(machine string) string { return lists + machine + "\x00" }

// ListKey is the key of an execution in its machine's list.
func ListKey(machine string, start time.Time, id string) string {
	return fmt.Sprintf("%s%016x\x00%s", List(machine), uint64(1)<<62-uint64(start.UnixNano()), id)
}

// EndedKey is the key of an execution in the list of ended executions.
func EndedKey(stop time.Time, id string) string {
	return fmt.Sprintf("%s%016x\x00%s", Ended, uint64(stop.UnixNano()), id)
}

// EndedID extracts the id from an EndedKey.
func EndedID(key string) string { return key[len(Ended)+17:] }

// RunKey is the key of a map run's record.
func RunKey(run string) string { return mapRuns + run }

// Runs is the prefix of the keys of an execution's map runs, oldest first.
func Runs(id string) string { return mapRunLists + id + "\x00" }

// RunListKey is the key of a map run in its execution's list.
func RunListKey(id string, start time.Time, run string) string {
	return fmt.Sprintf("%s%016x\x00%s", Runs(id), uint64(start.UnixNano()), run)
}

// Children is the prefix of the keys of a map run's child executions, in the
// order of the items.
func Children(run string) string { return childLists + run + "\x00" }

// ChildKey is the key of a child execution in its map run's list.
func ChildKey(run string, index int) string { return fmt.Sprintf("%s%08x", Children(run), index) }
