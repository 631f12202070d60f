package asl

import (
	"fmt"
	"time"
)

// The journal's keys. Ids hold neither zero bytes nor characters below '-',
// so that a zero byte ends them.
const (
	spaceExecution  = "execution\x00" // id -> executionRecord
	spaceSequence   = "sequence\x00"  // id -> sequenceRecord
	spaceOpen       = "open\x00"      // id, of executions not ended
	spaceList       = "list\x00"      // machine, start time from new to old, id
	spaceEnded      = "ended\x00"     // stop time, id, of executions without a parent
	spaceHistory    = "history\x00"   // id, event id -> Event
	spaceFrame      = "frame\x00"     // id, path -> frameRecord
	spaceAnswer     = "answer\x00"    // id, path -> answer that came for a token
	spaceRun        = "run\x00"       // map run id -> runRecord
	spaceRunList    = "runs\x00"      // execution id, start time, map run id
	spaceChild      = "child\x00"     // map run id, index -> execution id
	spaceDefinition = "definition\x00"
	spaceNotice     = "notice\x00" // id, of ends not yet told to OnEnd
)

// after is the smallest key above every key that begins with prefix, which
// ends with a zero byte.
func after(prefix string) string { return prefix[:len(prefix)-1] + "\x01" }

func historyKey(id string, event int64) string {
	return fmt.Sprintf("%s%s\x00%08x", spaceHistory, id, event)
}

func frameKey(id, path string) string { return spaceFrame + id + "\x00" + path }

func answerKey(id, path string) string { return spaceAnswer + id + "\x00" + path }

func childKey(run string, index int) string {
	return fmt.Sprintf("%s%s\x00%08x", spaceChild, run, index)
}

func listKey(machine string, start time.Time, id string) string {
	return fmt.Sprintf("%s%s\x00%016x\x00%s", spaceList, machine, uint64(1)<<62-uint64(start.UnixNano()), id)
}

func endedKey(stop time.Time, id string) string {
	return fmt.Sprintf("%s%016x\x00%s", spaceEnded, uint64(stop.UnixNano()), id)
}

func runListKey(id string, start time.Time, run string) string {
	return fmt.Sprintf("%s%s\x00%016x\x00%s", spaceRunList, id, uint64(start.UnixNano()), run)
}
