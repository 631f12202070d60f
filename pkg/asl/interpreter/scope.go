package interpreter

import (
	"time"

	"reprise/pkg/asl/jsonata"
)

// scope is what expressions can read beside input, context and variables.
type scope struct {
	result      any
	hasResult   bool
	errorOutput any
	hasError    bool
	token       string
	item        *iteration // in an ItemSelector
}

// decoded caches the decoded form of JSON.
type decoded struct {
	value any
	done  bool
}

// lookup resolves the variables of expressions. It makes $states when the first
// expression reads it.
func (f *frame) lookup(sc scope) jsonata.Lookup {
	var reserved *jsonata.Object
	return func(name string) (any, bool) {
		if name == "states" {
			if reserved == nil {
				reserved = f.reserved(sc)
			}
			return reserved, true
		}
		for at := f; at != nil; at = at.parent {
			if raw, found := at.rec.Vars[name]; found {
				v, err := jsonata.Decode(raw)
				return v, err == nil
			}
		}
		return nil, false
	}
}

// reserved is the value of $states.
func (f *frame) reserved(sc scope) *jsonata.Object {
	reserved := &jsonata.Object{}
	if !f.input.done {
		v, err := jsonata.Decode(f.rec.Input)
		f.input = decoded{value: v, done: err == nil}
	}
	reserved.Set("input", f.input.value)
	if sc.hasResult {
		reserved.Set("result", sc.result)
	}
	if sc.hasError {
		reserved.Set("errorOutput", sc.errorOutput)
	}
	reserved.Set("context", f.context(sc))
	return reserved
}

// object makes an object from alternating names and values.
func object(members ...any) *jsonata.Object {
	o := &jsonata.Object{}
	for i := 0; i < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}

// timeLayout is the format of times in the context object.
const timeLayout = "2006-01-02T15:04:05.000Z"

func spell(t time.Time) string { return t.UTC().Format(timeLayout) }

func (f *frame) context(sc scope) *jsonata.Object {
	rt, r := f.x.runtime, &f.x.record // the fields read here never change
	input := f.x.decodedInput()
	c := object(
		"Execution", object("Id", rt.arns.Execution(r.ID), "Input", input, "Name", r.Name,
			"RoleArn", rt.config.RoleArn, "StartTime", spell(r.Start), "RedriveCount", 0.0),
		"State", object("EnteredTime", spell(f.rec.Entered), "Name", f.rec.State, "RetryCount", float64(f.rec.RetryCount)),
		"StateMachine", object("Id", rt.arns.Machine(r.Machine), "Name", r.Machine),
	)
	if sc.token != "" {
		c.Set("Task", object("Token", sc.token))
	}
	it := sc.item
	for at := f; it == nil && at != nil; at = at.parent {
		it = at.iteration
	}
	if it != nil {
		item := object("Index", float64(it.index), "Value", it.item)
		if sc.item != nil {
			item.Set("Source", "STATE_DATA")
		}
		c.Set("Map", object("Item", item))
	}
	return c
}
