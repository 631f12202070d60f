package asl

import (
	"slices"
	"strings"
	"time"

	"reprise/pkg/asl/jsonata"
	"reprise/pkg/asl/states"
)

// secondsLimit is the service's maximum for times in seconds.
const secondsLimit = 99_999_999

func (p *parser) state(name string, object *jsonata.Object) *State {
	f := p.fields(name, "", object)
	s := &State{Name: name, Type: f.required("Type"), Comment: f.text("Comment")}
	if language := f.text("QueryLanguage"); language != "" && language != "JSONata" {
		f.refuse("QueryLanguage", "must be \"JSONata\"")
	}
	read, known := map[string]func(*fields, *State){
		TypeTask: readTask, TypeMap: readMap, TypeParallel: readParallel, TypeChoice: readChoice,
		TypeWait: readWait, TypePass: readPass, TypeSucceed: readSucceed, TypeFail: readFail,
	}[s.Type]
	if !known {
		f.refuse("Type", "%q is unknown: use Task, Map, Parallel, Choice, Wait, Pass, Succeed or Fail", s.Type)
		return s
	}
	read(f, s)
	f.done()
	return s
}

// readNext reads Next or End.
func readNext(f *fields, s *State) {
	s.Next, s.End = f.text("Next"), f.flag("End")
	if (s.Next == "") == !s.End {
		f.refuse("Next", "a state must have either Next or \"End\": true")
	}
}

func readResult(f *fields, s *State) {
	s.Output = f.template("Output")
	s.Assign = readAssign(f)
}

func readAssign(f *fields) []Assignment {
	sub := f.sub("Assign")
	if sub == nil {
		return nil
	}
	var all []Assignment
	for name := range sub.object.All() {
		switch {
		case !IsVariableName(name):
			sub.refuse(name, "is not a variable name: use letters, digits and _, at most 80, beginning with a letter")
		case name == "states" || jsonata.IsFunctionName(name):
			sub.refuse(name, "is taken: choose another name")
		}
		all = append(all, Assignment{Name: name, Value: sub.template(name)})
	}
	return all
}

// IsVariableName reports whether a variable may have that name.
func IsVariableName(name string) bool {
	if name == "" || len(name) > 80 || !isLetter(name[0]) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r > 127 || !isLetter(byte(r)))
	}) < 0
}

func isLetter(c byte) bool { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') }

func readTask(f *fields, s *State) {
	s.Resource = f.required("Resource")
	if s.Resource != ResourceInvoke && s.Resource != ResourceInvokeToken {
		f.refuse("Resource", "%q is not supported: use %s or %s", s.Resource, ResourceInvoke, ResourceInvokeToken)
	}
	readArguments(f, s)
	s.TimeoutSeconds = f.number("TimeoutSeconds", 1, secondsLimit, true)
	s.HeartbeatSeconds = f.number("HeartbeatSeconds", 1, secondsLimit, true)
	if s.HeartbeatSeconds != nil && !s.WaitsForToken() {
		f.refuse("HeartbeatSeconds", "is supported with .waitForTaskToken only: a plain invocation cannot send heartbeats")
	}
	heartbeat, isHeartbeat := s.HeartbeatSeconds.Constant()
	timeout, isTimeout := s.TimeoutSeconds.Constant()
	if isHeartbeat && isTimeout && heartbeat >= timeout {
		f.refuse("HeartbeatSeconds", "must be less than TimeoutSeconds")
	}
	readResult(f, s)
	readErrors(f, s)
	readNext(f, s)
}

func readArguments(f *fields, s *State) {
	s.Arguments = f.template("Arguments")
	if s.Arguments == nil || s.Arguments.names == nil {
		f.refuse("Arguments", "must be an object with FunctionName and Payload")
		return
	}
	for _, name := range s.Arguments.names {
		switch name {
		case "FunctionName", "Payload":
		case "InvocationType", "ClientContext", "Qualifier":
			f.refuse("Arguments."+name, "is not supported: append a qualifier to FunctionName")
		default:
			f.refuse("Arguments."+name, "is unknown here")
		}
	}
	name := s.Arguments.member("FunctionName")
	if constant, ok := name.constantString(); name == nil || (name.expr == nil && (!ok || constant == "")) {
		f.refuse("Arguments.FunctionName", "must be a string or an expression for one")
	}
}

func readErrors(f *fields, s *State) {
	retriers := f.each("Retry")
	for i, sub := range retriers {
		r := Retrier{
			ErrorEquals:     readErrorNames(sub, i == len(retriers)-1),
			IntervalSeconds: sub.constant("IntervalSeconds", 1, 1, secondsLimit, true),
			MaxAttempts:     int(sub.constant("MaxAttempts", 3, 0, secondsLimit, true)),
			BackoffRate:     sub.constant("BackoffRate", 2, 1, 1e9, false),
			MaxDelaySeconds: sub.constant("MaxDelaySeconds", 0, 1, 31_622_400, true),
		}
		switch jitter := sub.text("JitterStrategy"); jitter {
		case "FULL":
			r.FullJitter = true
		case "", "NONE":
		default:
			sub.refuse("JitterStrategy", "must be \"FULL\" or \"NONE\"")
		}
		if r.MaxDelaySeconds != 0 && r.MaxDelaySeconds <= r.IntervalSeconds {
			sub.refuse("MaxDelaySeconds", "must be greater than IntervalSeconds")
		}
		sub.done()
		s.Retry = append(s.Retry, r)
	}
	catchers := f.each("Catch")
	for i, sub := range catchers {
		c := Catcher{ErrorEquals: readErrorNames(sub, i == len(catchers)-1), Next: sub.required("Next"),
			Output: sub.template("Output"), Assign: readAssign(sub)}
		sub.done()
		s.Catch = append(s.Catch, c)
	}
}

func readErrorNames(f *fields, last bool) []string {
	names := f.names("ErrorEquals")
	for _, name := range names {
		switch {
		case name == states.ErrorDataLimit || name == states.ErrorRuntime:
			f.refuse("ErrorEquals", "%s cannot reliably be caught: remove it", name)
		case strings.HasPrefix(name, "States.") && !slices.Contains(catchable, name):
			f.refuse("ErrorEquals", "%q is not an error name of the service: your own names must not begin with States.", name)
		case name == states.ErrorAll && (len(names) > 1 || !last):
			f.refuse("ErrorEquals", "States.ALL must stand alone and last")
		}
	}
	return names
}

func readParallel(f *fields, s *State) {
	for _, sub := range f.each("Branches") {
		s.Branches = append(s.Branches, f.parser.flow(sub))
		sub.done()
	}
	if len(s.Branches) == 0 && !f.parser.refusedAt(s.Name, "Branches") {
		f.refuse("Branches", "is missing")
	}
	s.Arguments = f.template("Arguments")
	readResult(f, s)
	readErrors(f, s)
	readNext(f, s)
}

func readChoice(f *fields, s *State) {
	rules := f.each("Choices")
	if len(rules) == 0 && !f.parser.refusedAt(s.Name, "Choices") {
		f.refuse("Choices", "is missing")
	}
	for _, sub := range rules {
		condition := sub.expression("Condition", "an expression", func(v any) bool { _, ok := v.(bool); return ok })
		if condition == nil {
			sub.refuse("Condition", "is missing")
		}
		s.Choices = append(s.Choices, Rule{Condition: condition, Next: sub.required("Next"),
			Output: sub.template("Output"), Assign: readAssign(sub)})
		sub.done()
	}
	s.Default = f.text("Default")
	readResult(f, s)
}

func readWait(f *fields, s *State) {
	s.Seconds = f.number("Seconds", 0, secondsLimit, true)
	s.Timestamp = f.expression("Timestamp", "a time in RFC 3339 or an expression for one", func(v any) bool {
		text, ok := v.(string)
		_, err := time.Parse(time.RFC3339, text)
		return ok && err == nil
	})
	if (s.Seconds == nil) == (s.Timestamp == nil) {
		f.refuse("Seconds", "a Wait must have either Seconds or Timestamp")
	}
	readResult(f, s)
	readNext(f, s)
}

func readPass(f *fields, s *State) {
	readResult(f, s)
	readNext(f, s)
}

func readSucceed(f *fields, s *State) { s.Output = f.template("Output") }

func readFail(f *fields, s *State) {
	s.Error = f.expression("Error", "a string or an expression for one", isString)
	s.Cause = f.expression("Cause", "a string or an expression for one", isString)
}
