package deployed

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"reprise/integration/lambdahost"
	"reprise/integration/template"
	"reprise/pkg/aws/settings"
)

// definitions are what becomes of the state machine's definition with deploys.
// An execution keeps the one that stands when it begins, as it does on AWS. The
// engine has one definition for all, so what it calls is translated here, by the
// replay that every step is told: an execution is named as its replay. It is
// safe for concurrent use.
type definitions struct {
	host *lambdahost.Host

	mu sync.Mutex
	// present has, by the ARNs of the first definition, those of the present one.
	present map[string]string
	kept    map[string]map[string]string
}

// of returns what the definition of an execution calls in place of a function.
func (d *definitions) of(execution, function string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = make(map[string]map[string]string)
	}
	if _, begun := d.kept[execution]; !begun {
		d.kept[execution] = maps.Clone(d.present)
	}
	if version, changed := d.kept[execution][function]; changed {
		return version
	}
	return function
}

func (d *definitions) deploy(versions map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.present = versions
}

// Invoke implements interpreter.Invoker.
func (d *definitions) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	var step struct{ Replay string }
	if json.Unmarshal(payload, &step) == nil && step.Replay != "" {
		function = d.of(step.Replay, function)
	}
	return lambdahost.Invoker{Host: d.host}.Invoke(ctx, function, payload)
}

// DeployCode deploys every function again with other programs, as `cdk deploy`
// does: the steps and the consumer of the state get their next versions, which
// executions to come and keep-consumers are told.
func (w *World) DeployCode(programs string) {
	w.t.Helper()
	steps, versions := w.Steps(), make(map[string]string)
	told := ""
	// keep-consumers comes last: what it is told of is there then.
	functions := slices.Clone(w.options.Deployment.Functions)
	slices.SortStableFunc(functions, func(a, b template.Function) int {
		return boolInt(a.Name == w.Name("keep-consumers")) - boolInt(b.Name == w.Name("keep-consumers"))
	})
	for _, described := range functions {
		f := w.functionOf(described, programs)
		if f.Name == w.Name("keep-consumers") {
			f.Env = maps.Clone(f.Env)
			f.Env[settings.EnvWriteVersion] = told
		}
		if err := w.Host.Update(f); err != nil {
			w.t.Fatal(err)
		}
		if f.Name != w.Name("write-state") && !slices.Contains(steps, f.Name) {
			continue
		}
		version, err := w.Host.PublishVersion(f.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		if f.Name == w.Name("write-state") {
			told = version
		}
		versions[f.Name] = w.Host.ARN(lambdahost.Reference{Name: f.Name, Qualifier: version})
	}
	present := make(map[string]string)
	for _, arn := range w.options.Deployment.Machines[0].Substitutions {
		step, err := lambdahost.ParseReference(arn)
		if err != nil {
			w.t.Fatal(err)
		}
		present[arn] = versions[step.Name]
	}
	w.definitions.deploy(present)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
