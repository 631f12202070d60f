package template

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Place is where a deployment is; it appears in ARNs.
type Place struct{ Region, Account string }

// Deployment is what templates describe. Lists are sorted by name, source or key.
type Deployment struct {
	Tables       []Table
	Streams      []Stream
	Functions    []Function
	Versions     []Version
	Mappings     []Mapping
	Routes       []Route
	Policies     []Policy
	Rules        []Rule
	Schedules    []Schedule
	Filters      []Filter
	Machines     []Machine
	RolePolicies []RolePolicy
}

// Table is a DynamoDB table. Range is "" if it has no sort key; a type is S, N or B.
type Table struct {
	Name, ARN                        string
	Hash, HashType, Range, RangeType string
}

// Stream is a Kinesis data stream.
type Stream struct {
	Name, ARN string
	Shards    int
}

// Function is a Lambda function.
type Function struct {
	Name, ARN string
	// Role is the ARN of its role.
	Role        string
	Environment map[string]string
	Timeout     time.Duration
	MemoryMB    int
	// Concurrency is the reserved concurrency, 0 if none is reserved.
	Concurrency int
}

// Version is a published version of a function, by its ARN. Number is 1, the
// number after a first deploy.
type Version struct{ Function, Number string }

// Mapping is an event source mapping; fields that the template omits are zero.
type Mapping struct {
	Source, Function, StartingPosition                                           string
	BatchSize, BatchingSeconds, Parallelization, RetryAttempts, RecordAgeSeconds int
	Bisect                                                                       bool
	ResponseTypes                                                                []string
}

// Route is a route of an HTTP API with the function behind it, by its ARN. ARN is
// that of calls of the route, which policies name, with its parameters as in Key.
// Authorization is AWS_IAM, JWT or "".
type Route struct{ Key, Function, ARN, Authorization string }

// Policy is a managed policy: the actions and resources that its statements allow,
// each a text with wildcards.
type Policy struct {
	Name    string
	Allowed []Allowed
}

// Allowed is a statement of a policy, without a condition.
type Allowed struct{ Actions, Resources []string }

// Rule is an EventBridge rule. Schedule or Pattern is set.
type Rule struct {
	Schedule string
	// Pattern is the event pattern as decoded JSON, nil for a schedule.
	Pattern map[string]any
	// Targets are ARNs.
	Targets []string
}

// Schedule is a schedule of EventBridge Scheduler with its target, an ARN, and the input
// of that.
type Schedule struct {
	Name, Expression, Target, Input string
	// On says that it is enabled.
	On bool
}

// Filter counts the log lines that match a pattern as a metric.
type Filter struct{ LogGroup, Pattern, Namespace, Metric string }

// RolePolicy is an inline policy of roles, by their names.
type RolePolicy struct {
	Roles      []string
	Statements []Statement
}

// Statement is one statement of a policy. Condition has values by operator and key.
type Statement struct {
	Effect             string
	Actions, Resources []string
	Condition          map[string]map[string][]string
}

// Machine is a state machine. Substitutions are the values of placeholders in the
// definition.
type Machine struct {
	Name, ARN, Definition string
	Substitutions         map[string]string
}

// Read reads templates that are deployed together.
func Read(place Place, documents ...[]byte) (*Deployment, error) {
	set, err := newSet(place, documents)
	if err != nil {
		return nil, err
	}
	d := &Deployment{}
	for _, r := range set.resources {
		if err := d.add(r); err != nil {
			return nil, fmt.Errorf("read resource %s: %w", r.id, err)
		}
	}
	d.sort()
	return d, nil
}

// ReadAll reads every *.template.json in a directory, such as cdk.out.
func ReadAll(place Place, directory fs.FS) (*Deployment, error) {
	names, err := fs.Glob(directory, "*.template.json")
	if err != nil {
		return nil, fmt.Errorf("find templates: %w", err)
	}
	var documents [][]byte
	for _, name := range names {
		document, err := fs.ReadFile(directory, path.Clean(name))
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		documents = append(documents, document)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("find templates: %w", fs.ErrNotExist)
	}
	return Read(place, documents...)
}

func (d *Deployment) sort() {
	sortBy(d.Tables, func(t Table) string { return t.Name })
	sortBy(d.Streams, func(s Stream) string { return s.Name })
	sortBy(d.Functions, func(f Function) string { return f.Name })
	sortBy(d.Versions, func(v Version) string { return v.Function })
	sortBy(d.Mappings, func(m Mapping) string { return m.Source + m.Function })
	sortBy(d.Routes, func(r Route) string { return r.Key })
	sortBy(d.Policies, func(p Policy) string { return p.Name })
	sortBy(d.Schedules, func(s Schedule) string { return s.Name })
	sortBy(d.Filters, func(f Filter) string { return f.Metric })
	sortBy(d.Machines, func(m Machine) string { return m.Name })
}

func sortBy[T any](list []T, name func(T) string) {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(name(a), name(b)) })
}
