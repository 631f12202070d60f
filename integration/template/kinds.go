package template

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// add adds a resource to the list of its type, and ignores other types.
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
	case typePolicy:
		d.Policies = append(d.Policies, p.policy())
	case typeRule:
		d.Rules = append(d.Rules, p.rule())
	case typeSchedule:
		d.Schedules = append(d.Schedules, p.schedule())
	case typeFilter:
		d.Filters = append(d.Filters, p.filter())
	case typeMachine:
		d.Machines = append(d.Machines, p.machine())
	case typeRolePolicy:
		d.RolePolicies = append(d.RolePolicies, p.rolePolicy())
	}
	return p.err
}

// note keeps the first error and returns value.
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
	for _, unknown := range []string{"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} {
		if _, given := p.of.Properties[unknown]; given {
			p.err = fmt.Errorf("property %s: %w", unknown, ErrUnknown)
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

// members returns two texts of an object.
func members(object any, first, second string) (string, string) {
	fields, _ := object.(map[string]any)
	a, _ := fields[first].(string)
	b, _ := fields[second].(string)
	return a, b
}

func (p *properties) function() Function {
	variables, _ := property[map[string]any](p, "Environment")["Variables"].(map[string]any)
	return Function{
		Name:        p.name(),
		ARN:         p.arn(),
		Role:        property[string](p, "Role"),
		Environment: p.textsOf("Environment", variables),
		Timeout:     time.Duration(p.number("Timeout")) * time.Second,
		MemoryMB:    p.number("MemorySize"),
		Concurrency: p.number("ReservedConcurrentExecutions"),
	}
}

// textsOf returns the members of an object, all of which must be texts.
func (p *properties) textsOf(name string, object map[string]any) map[string]string {
	texts := make(map[string]string, len(object))
	for key, value := range object {
		text, ok := value.(string)
		if !ok && p.err == nil {
			p.err = fmt.Errorf("property %s: %s is %T: %w", name, key, value, errShape)
		}
		texts[key] = text
	}
	return texts
}

func (p *properties) mapping() Mapping {
	return Mapping{
		Source:           p.text("EventSourceArn"),
		Function:         p.functionARN("FunctionName"),
		StartingPosition: property[string](p, "StartingPosition"),
		BatchSize:        p.number("BatchSize"),
		BatchingSeconds:  p.number("MaximumBatchingWindowInSeconds"),
		Parallelization:  p.number("ParallelizationFactor"),
		RetryAttempts:    p.number("MaximumRetryAttempts"),
		RecordAgeSeconds: p.number("MaximumRecordAgeInSeconds"),
		Bisect:           property[bool](p, "BisectBatchOnFunctionError"),
		ResponseTypes:    p.texts("FunctionResponseTypes"),
	}
}

// route follows a route's integration to its function. The integration's URI is the
// function's ARN, or contains it in the path of an invocation.
func (p *properties) route() Route {
	route := Route{Key: p.text("RouteKey"), Authorization: property[string](p, "AuthorizationType")}
	method, path, _ := strings.Cut(route.Key, " ")
	route.ARN = p.of.in.set.arn("execute-api", property[string](p, "ApiId")+"/$default/"+method+path)
	_, id, _ := strings.Cut(p.text("Target"), "/")
	integration := p.of.in.Resources[id]
	if p.err != nil {
		return route
	}
	if integration == nil || integration.Type != typeIntegration {
		p.err = fmt.Errorf("the route has no integration: %w", errShape)
		return route
	}
	of := &properties{of: integration}
	route.Function = of.text("IntegrationUri")
	if _, rest, found := strings.Cut(route.Function, "/functions/"); found {
		route.Function = strings.TrimSuffix(rest, "/invocations")
	}
	return note(p, route, of.err)
}

func (p *properties) policy() Policy {
	policy := Policy{Name: p.name()}
	document := property[map[string]any](p, "PolicyDocument")
	statements, _ := document["Statement"].([]any)
	for _, raw := range statements {
		statement, _ := raw.(map[string]any)
		if statement["Effect"] != "Allow" || statement["Condition"] != nil {
			p.err = fmt.Errorf("statement of policy %s: %w", policy.Name, ErrUnknown)
			return policy
		}
		policy.Allowed = append(policy.Allowed, Allowed{listed(statement["Action"]), listed(statement["Resource"])})
	}
	return policy
}

// listed returns a text or a list of texts as a list.
func listed(value any) []string {
	if text, ok := value.(string); ok {
		return []string{text}
	}
	var texts []string
	list, _ := value.([]any)
	for _, one := range list {
		text, _ := one.(string)
		texts = append(texts, text)
	}
	return texts
}

func (p *properties) rule() Rule {
	rule := Rule{Schedule: property[string](p, "ScheduleExpression"), Pattern: property[map[string]any](p, "EventPattern")}
	for _, target := range property[[]any](p, "Targets") {
		arn, _ := members(target, "Arn", "Id")
		rule.Targets = append(rule.Targets, arn)
	}
	return rule
}

func (p *properties) schedule() Schedule {
	target := property[map[string]any](p, "Target")
	arn, input := members(target, "Arn", "Input")
	return Schedule{Name: p.text("Name"), Expression: property[string](p, "ScheduleExpression"),
		On: property[string](p, "State") == "ENABLED", Target: arn, Input: input}
}

func (p *properties) filter() Filter {
	f := Filter{LogGroup: p.text("LogGroupName"), Pattern: p.text("FilterPattern")}
	for _, transformation := range property[[]any](p, "MetricTransformations") {
		f.Namespace, f.Metric = members(transformation, "MetricNamespace", "MetricName")
	}
	return f
}

func (p *properties) machine() Machine {
	const substitutions = "DefinitionSubstitutions"
	m := Machine{Name: p.name(), ARN: p.arn()}
	m.Substitutions = p.textsOf(substitutions, property[map[string]any](p, substitutions))
	if definition := p.value("Definition"); definition != nil {
		raw, err := json.Marshal(definition)
		m.Definition = string(note(p, raw, err))
	} else {
		m.Definition = p.text("DefinitionString")
	}
	return m
}
