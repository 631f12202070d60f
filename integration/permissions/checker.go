package permissions

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"reprise/integration/template"
)

// Checker compares every call that a function makes with the
// policies of its role, as IAM does. It refuses nothing: a call without permission
// fails the test at its end. It is safe for concurrent use.
type Checker struct {
	place template.Place
	// statements are those of each function's role, by the function's name.
	statements map[string][]template.Statement

	mu sync.Mutex
	// checked are the calls that were made, each once; missing are those that no
	// statement allows.
	checked, missing map[string]bool
	// used are the actions that calls needed, by function and statement.
	used map[string]map[string]bool
}

// New returns a checker of the functions of a deployment, which stands at a place.
func New(place template.Place, d *template.Deployment) *Checker {
	p := &Checker{
		place:      place,
		statements: make(map[string][]template.Statement),
		checked:    make(map[string]bool),
		missing:    make(map[string]bool),
		used:       make(map[string]map[string]bool),
	}
	for _, f := range d.Functions {
		role := f.Role[strings.LastIndex(f.Role, "/")+1:]
		for _, policy := range d.RolePolicies {
			if slices.Contains(policy.Roles, role) {
				p.statements[f.Name] = append(p.statements[f.Name], policy.Statements...)
			}
		}
	}
	return p
}

// need is one permission that a call needs. keys are the partition keys of the items,
// function is the function that an event source mapping calls.
type need struct {
	action, resource string
	keys             []string
	function         string
	// alias is the alias of a key of KMS, and platform what its encryption context names.
	alias, platform string
}

func (n need) String() string {
	return fmt.Sprintf("%s on %s, keys %v, function %q", n.action, n.resource, n.keys, n.function)
}

// Observe compares a call with the role of its caller. A caller that is no function of the
// deployment may do anything.
func (p *Checker) Observe(service, caller, operation string, body []byte) {
	statements, found := p.statements[caller]
	if !found {
		return // the test itself
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.needs(service, operation, body) {
		what := caller + ": " + n.String()
		if p.checked[what] {
			continue
		}
		p.checked[what] = true
		index := slices.IndexFunc(statements, func(s template.Statement) bool { return grants(s, n) })
		if index < 0 {
			p.missing[what] = true
			continue
		}
		if p.used[caller] == nil {
			p.used[caller] = make(map[string]bool)
		}
		p.used[caller][granted(statements[index], n.action)] = true
	}
}

func granted(s template.Statement, action string) string {
	return fmt.Sprintf("%s on %v if %v", action, s.Resources, s.Condition)
}

// Report fails the test for every call that no statement allowed, and logs the
// permissions that no call needed.
func (p *Checker) Report(t testing.TB) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Logf("%d calls were compared with the functions' roles", len(p.checked))
	for _, call := range slices.Sorted(maps.Keys(p.missing)) {
		t.Errorf("no permission: %s", call)
	}
	for _, name := range slices.Sorted(maps.Keys(p.statements)) {
		for _, s := range p.statements[name] {
			for _, action := range s.Actions {
				if !p.used[name][granted(s, action)] && testing.Verbose() {
					t.Logf("not used here: %s: %s", name, granted(s, action))
				}
			}
		}
	}
}

// grants reports whether a statement allows a call.
func grants(s template.Statement, n need) bool {
	if s.Effect != "Allow" || !slices.Contains(s.Actions, n.action) ||
		!slices.ContainsFunc(s.Resources, func(pattern string) bool { return Like(pattern, n.resource) }) {
		return false
	}
	for operator, keys := range s.Condition {
		for key, patterns := range keys {
			if !holds(operator, key, patterns, n) {
				return false
			}
		}
	}
	return true
}

// holds evaluates one condition. Conditions that it does not know do not hold.
func holds(operator, key string, patterns []string, n need) bool {
	fits := func(value string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return Like(pattern, value) })
	}
	switch operator + " " + key {
	case "ForAllValues:StringLike dynamodb:LeadingKeys":
		return !slices.ContainsFunc(n.keys, func(value string) bool { return !fits(value) })
	case "ForAnyValue:StringEquals kms:ResourceAliases":
		return fits(n.alias)
	case "StringEquals kms:EncryptionContext:reprise-platform":
		return fits(n.platform)
	case "ArnLike lambda:FunctionArn":
		return fits(n.function)
	}
	return false
}

// Like matches a value with a pattern in which * stands for any text.
func Like(pattern, value string) bool {
	parts := strings.Split(pattern, "*")
	rest, found := strings.CutPrefix(value, parts[0])
	if !found || len(parts) == 1 {
		return found && rest == ""
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, found = strings.Cut(rest, part); !found {
			return false
		}
	}
	return strings.HasSuffix(rest, last)
}

// needs returns what a call needs. CloudWatch's calls go through no proxy.
func (p *Checker) needs(service, operation string, body []byte) []need {
	arn := func(service, rest string) string {
		return "arn:aws:" + service + ":" + p.place.Region + ":" + p.place.Account + ":" + rest
	}
	var in named
	_ = json.Unmarshal(body, &in) // calls without a body
	switch service {
	case "dynamodb":
		return in.tables(operation, func(table string) string { return arn("dynamodb", "table/"+table) })
	case "kinesis":
		return []need{{action: "kinesis:" + operation, resource: arn("kinesis", "stream/"+in.StreamName)}}
	case "states":
		resource := in.StateMachine + in.Execution + in.MapRun
		if operation == "SendTaskSuccess" { // a token belongs to its state machine
			resource = arn("states", "stateMachine:reprise-replay")
		}
		return []need{{action: "states:" + operation, resource: resource}}
	case "kms": // the call names the alias, the policy the key
		return []need{{action: "kms:" + operation, resource: arn("kms", "key/any"), alias: in.KeyID,
			platform: in.EncryptionContext["reprise-platform"]}}
	case "lambda":
		return []need{lambdaNeed(operation, in.FunctionName, arn)}
	}
	return nil
}

// named has the members of requests that name resources.
type named struct {
	TableName    string
	Item, Key    map[string]map[string]any
	RequestItems map[string]json.RawMessage
	Tags         []any
	StreamName   string
	StateMachine string `json:"stateMachineArn"`
	Execution    string `json:"executionArn"`
	MapRun       string `json:"mapRunArn"`
	FunctionName string
	KeyID        string `json:"KeyId"`

	EncryptionContext map[string]string
}

// tables are the needs of a call of DynamoDB. ListTables takes no resource.
func (in *named) tables(operation string, arn func(string) string) []need {
	action := "dynamodb:" + operation
	if in.RequestItems != nil {
		var all []need
		for table := range in.RequestItems {
			all = append(all, need{action: action, resource: arn(table)})
		}
		return all
	}
	if in.TableName == "" {
		return []need{{action: action, resource: "*"}}
	}
	n := need{action: action, resource: arn(in.TableName)}
	for _, item := range []map[string]map[string]any{in.Item, in.Key} {
		if key, ok := item["pk"]["S"].(string); ok {
			n.keys = append(n.keys, key)
		}
	}
	all := []need{n}
	if len(in.Tags) > 0 {
		all = append(all, need{action: "dynamodb:TagResource", resource: n.resource})
	}
	return all
}

// lambdaNeed reads an operation such as "GET /2015-03-31/functions/NAME/aliases".
func lambdaNeed(operation, function string, arn func(string, string) string) need {
	method, path, _ := strings.Cut(operation, " ")
	parts := strings.Split(strings.Trim(path, "/"), "/")[1:]
	verb := map[string]string{"POST": "Create", "PUT": "Update", "DELETE": "Delete", "GET": "List"}[method]
	if parts[0] == "event-source-mappings" {
		n := need{action: "lambda:" + verb + "EventSourceMapping", resource: "*"}
		switch {
		case verb == "List":
			n.action += "s"
		case verb == "Create":
			n.function = arn("lambda", "function:"+function)
		default:
			n.resource = arn("lambda", "event-source-mapping:"+parts[1])
			n.function = arn("lambda", "function:reprise-write-state:any") // the call does not name it
		}
		return n
	}
	name, err := url.PathUnescape(parts[1])
	if err != nil {
		name = parts[1]
	}
	n := need{action: "lambda:" + verb + "Alias", resource: arn("lambda", "function:"+name)}
	switch {
	case parts[2] == "invocations":
		n.action = "lambda:InvokeFunction"
	case verb == "List":
		n.action = "lambda:ListAliases"
	}
	return n
}
