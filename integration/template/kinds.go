package template

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// add reads a resource into the list of its kind; other kinds are passed over.
func (d *Deployment) add(r *resource) error {
	p := &properties{of: r}
	switch r.Type {
	case typeTable:
		d.Tables = append(d.Tables, p.table())
	case typeStream:
		d.Streams = append(d.Streams, Stream{Name: p.name(), ARN: p.arn(), Shards: p.number("ShardCount")})
	case typeFunction:
		d.Functions = append(d.Functions, p.function())
	case typeVersion:
		d.Versions = append(d.Versions, Version{Function: p.functionARN("FunctionName"), Number: firstVersion})
	case typeMapping:
		d.Mappings = append(d.Mappings, p.mapping())
	case typeRoute:
		d.Routes = append(d.Routes, p.route())
	case typeRule:
		d.Rules = append(d.Rules, p.rule())
	case typeMachine:
		d.Machines = append(d.Machines, p.machine())
	}
	return p.err
}

// note remembers the first error.
func note[T any](p *properties, value T, err error) T {
	if p.err == nil {
		p.err = err
	}
	return value
}

func (p *properties) name() string {
	name, err := p.of.name()
	return note(p, name, err)
}

func (p *properties) arn() string {
	arn, err := p.of.arn()
	return note(p, arn, err)
}

func (p *properties) functionARN(name string) string { return p.of.in.set.functionARN(p.text(name)) }

func (p *properties) table() Table {
	t := Table{Name: p.name(), ARN: p.arn()}
	for _, absent := range []string{"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} {
		if _, given := p.of.Properties[absent]; given {
			p.err = fmt.Errorf("property %s: %w", absent, ErrUnknown)
		}
	}
	types := make(map[string]string)
	for _, attribute := range property[[]any](p, "AttributeDefinitions") {
		name, kind := members(attribute, "AttributeName", "AttributeType")
		types[name] = kind
	}
	for _, key := range property[[]any](p, "KeySchema") {
		name, kind := members(key, "AttributeName", "KeyType")
		if kind == "HASH" {
			t.Hash, t.HashType = name, types[name]
		} else {
			t.Range, t.RangeType = name, types[name]
		}
	}
	if t.HashType == "" && p.err == nil {
		p.err = fmt.Errorf("the table has no partition key with a type: %w", errShape)
	}
	return t
}

// members are two texts of an object.
func members(object any, first, second string) (string, string) {
	fields, _ := object.(map[string]any)
	a, _ := fields[first].(string)
	b, _ := fields[second].(string)
	return a, b
}

func (p *properties) function() Function {
	f := Function{Name: p.name(), ARN: p.arn(), Timeout: time.Duration(p.number("Timeout")) * time.Second,
		MemoryMB: p.number("MemorySize"), Concurrency: p.number("ReservedConcurrentExecutions"), Environment: make(map[string]string)}
	variables, _ := property[map[string]any](p, "Environment")["Variables"].(map[string]any)
	for name, value := range variables {
		text, is := value.(string)
		if !is && p.err == nil {
			p.err = fmt.Errorf("variable %s is %T: %w", name, value, errShape)
		}
		f.Environment[name] = text
	}
	return f
}

func (p *properties) mapping() Mapping {
	return Mapping{
		Source: p.text("EventSourceArn"), Function: p.functionARN("FunctionName"), StartingPosition: property[string](p, "StartingPosition"),
		BatchSize: p.number("BatchSize"), BatchingSeconds: p.number("MaximumBatchingWindowInSeconds"),
		Parallelization: p.number("ParallelizationFactor"), RetryAttempts: p.number("MaximumRetryAttempts"),
		RecordAgeSeconds: p.number("MaximumRecordAgeInSeconds"), Bisect: property[bool](p, "BisectBatchOnFunctionError"),
		ResponseTypes: p.texts("FunctionResponseTypes"),
	}
}

// route follows a route's integration to its function, whose ARN stands there
// alone or in the path of an invocation.
func (p *properties) route() Route {
	route := Route{Key: p.text("RouteKey")}
	_, id, _ := strings.Cut(p.text("Target"), "/")
	integration := p.of.in.set.byID[key(p.of.in.number, id)]
	if p.err != nil {
		return route
	}
	if integration == nil || integration.Type != typeIntegration {
		p.err = fmt.Errorf("the route has no integration: %w", errShape)
		return route
	}
	uri := (&properties{of: integration}).uri(p)
	if _, rest, found := strings.Cut(uri, "/functions/"); found {
		uri = strings.TrimSuffix(rest, "/invocations")
	}
	route.Function = uri
	return route
}

// uri is an integration's; its error is noted for the route.
func (p *properties) uri(route *properties) string {
	uri := p.text("IntegrationUri")
	return note(route, uri, p.err)
}

func (p *properties) rule() Rule {
	rule := Rule{Schedule: property[string](p, "ScheduleExpression"), Pattern: property[map[string]any](p, "EventPattern")}
	for _, target := range property[[]any](p, "Targets") {
		arn, _ := members(target, "Arn", "Id")
		rule.Targets = append(rule.Targets, arn)
	}
	return rule
}

func (p *properties) machine() Machine {
	m := Machine{Name: p.name(), ARN: p.arn(), Substitutions: make(map[string]string)}
	if definition := p.value("Definition"); definition != nil {
		raw, err := json.Marshal(definition)
		m.Definition = string(note(p, raw, err))
	} else {
		m.Definition = p.text("DefinitionString")
	}
	for name, value := range property[map[string]any](p, "DefinitionSubstitutions") {
		text, is := value.(string)
		if !is && p.err == nil {
			p.err = fmt.Errorf("substitution %s is %T: %w", name, value, errShape)
		}
		m.Substitutions[name] = text
	}
	return m
}
