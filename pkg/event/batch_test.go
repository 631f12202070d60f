package event_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/pkg/event"
)

// batchLog reads a batch, going on after invalid events, and writes down what
// each was told.
func batchLog(text string) (log string, err error) {
	next := 0
	err = event.ParseBatch(text, func(index int, e event.Event, err error) error {
		if index != next {
			log += fmt.Sprintf("index %d, want %d ", index, next)
		}
		next++
		if bad, ok := errors.AsType[*event.Invalid](err); ok {
			log += fmt.Sprintf("!%s ", bad.Attribute)
		} else if err != nil {
			log += fmt.Sprintf("not an *Invalid: %v ", err)
		} else {
			log += e.ID + " "
		}
		return nil
	})
	return strings.TrimSpace(log), err
}

func TestParseBatch(t *testing.T) {
	one, two, three := made("id", `"1"`), made("id", `"2"`), made("id", `"3"`)
	bad := made("id", "7", "data", `[{"id":"9"},"]",2]`)
	for name, c := range map[string]struct {
		text, log string
		fails     bool
	}{
		"empty":                  {"[]", "", false},
		"empty with white space": {" [\n] ", "", false},
		"one":                    {"[" + one + "]", "1", false},
		"three":                  {" [ " + one + " , " + two + "\n,\t" + three + " ] ", "1 2 3", false},
		"same id twice":          {"[" + one + "," + one + "]", "1 1", false},
		"invalid first":          {"[" + bad + "," + two + "]", "!id 2", false},
		"invalid between":        {"[" + one + "," + bad + "," + three + "]", "1 !id 3", false},
		"invalid last":           {"[" + one + "," + bad + "]", "1 !id", false},
		"given twice between":    {"[" + made("id", `"1"`, "id", `"1"`, "data", "[1]") + "," + two + "]", "!id 2", false},
		"not objects":            {"[null,[1,{}],\"x\",-1e2," + two + ",{}]", "! ! ! ! 2 !specversion", false},
		"broken between":         {"[" + one + ",{\"id\":}," + three + "]", "1 !", true},
		"too deep between": {"[" + one + "," + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "]", "1 !",
			true},
		"no end":                     {"[" + one, "1", true},
		"cut event":                  {"[" + one + "," + two[:len(two)-1], "1 !", true},
		"comma last":                 {"[" + one + ",]", "1 !", true},
		"comma first":                {"[," + one + "]", "!", true},
		"no comma":                   {"[" + one + one + "]", "1", true},
		"text after":                 {"[" + one + "]x", "1", true},
		"array after":                {"[" + one + "][]", "1", true},
		"one event alone":            {one, "", true},
		"nothing":                    {"", "", true},
		"blank":                      {"  ", "", true},
		"open only":                  {"[", "!", true},
		"JSON lines":                 {one + "\n" + two, "", true},
		"invalid UTF-8 in the third": {"[" + one + "," + two + ",\"\xff\"]", "1 2 !", false},
		"invalid UTF-8 between":      {"[" + one + "," + made("data", "\"\xff\"") + "," + three + "]", "1 !data 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			log, err := batchLog(c.text)
			if log != c.log || (err != nil) != c.fails {
				t.Errorf("each saw %q, ParseBatch says %v; want %q, fails %v", log, err, c.log, c.fails)
			}
			if _, ok := errors.AsType[*event.Invalid](err); c.fails && !ok {
				t.Errorf("%v is no *Invalid", err)
			}
		})
	}
}

// Every verdict is the same in a batch; where the text can be read on, the
// neighbours of an invalid event are read.
func TestParseBatchVerdicts(t *testing.T) {
	for _, v := range verdicts {
		if strings.HasPrefix(v.want, "text after") {
			continue // in a batch that is the batch's
		}
		var seen []error
		err := event.ParseBatch("["+made()+","+v.text+","+made()+"]", func(_ int, _ event.Event, err error) error {
			seen = append(seen, err)
			return nil
		})
		if len(seen) < 2 {
			t.Errorf("%s: %d events seen, %v", v.name, len(seen), err)
			continue
		}
		checkVerdict(t, v, seen[1])
		unreadable := strings.HasPrefix(v.want, "not valid") || strings.HasPrefix(v.want, "nested")
		if readable := len(seen) == 3 && err == nil; seen[0] != nil || readable == unreadable || readable && seen[2] != nil {
			t.Errorf("%s: the events of the batch are %v, then %v", v.name, seen, err)
		}
	}
}

func TestParseBatchStopsAtCallersError(t *testing.T) {
	stop := errors.New("stop")
	for _, text := range []string{"[" + made() + "," + made() + "]", "[{},{}]", "[{x"} {
		calls := 0
		err := event.ParseBatch(text, func(int, event.Event, error) error {
			calls++
			return stop
		})
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("%s: %d calls, then %v", text, calls, err)
		}
	}
}
