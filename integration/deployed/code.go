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

// definitions keeps the state machine's definition of each execution across deploys:
// an execution keeps the definition with which it began, as on AWS. The engine has a
// single definition, so definitions translates the functions that it calls. It finds
// the execution by the replay in every step's input, which has the same name. It is
// safe for concurrent use.
type definitions struct {
	host *lambdahost.Host

	mu sync.Mutex
	// present maps function ARNs of the first definition to those of the present
	// one; kept does the same for each execution.
	present map[string]string
	kept    map[string]map[string]string
}

// of returns the ARN that an execution's definition has instead of function.
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

// DeployCode deploys every function again with other programs, as `cdk deploy` does.
// The steps and write-state get their next versions; later executions use those of
// the steps, and keep-consumers that of write-state.
func (w *World) DeployCode(programs string) {
	w.t.Helper()
	steps, versions := w.Steps(), make(map[string]string)
	writeVersion := ""
	// keep-consumers comes last, because it needs the version of write-state.
	functions := slices.Clone(w.options.Deployment.Functions)
	last := slices.IndexFunc(functions, func(f template.Function) bool { return f.Name == w.Name("keep-consumers") })
	functions[last], functions[len(functions)-1] = functions[len(functions)-1], functions[last]
	for _, described := range functions {
		f := w.function(described, programs)
		if f.Name == w.Name("keep-consumers") {
			f.Env = maps.Clone(f.Env)
			f.Env[settings.EnvWriteVersion] = writeVersion
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
			writeVersion = version
		}
		versions[f.Name] = w.Host.ARN(lambdahost.Reference{Name: f.Name, Qualifier: version})
	}
	present := make(map[string]string)
	for _, machine := range w.options.Deployment.Machines {
		for _, arn := range machine.Substitutions {
			step, err := lambdahost.ParseReference(arn)
			if err != nil {
				w.t.Fatal(err)
			}
			present[arn] = versions[step.Name]
		}
	}
	w.definitions.deploy(present)
}

// Steps are the functions that the replay state machine calls, by their names.
func (w *World) Steps() []string {
	w.t.Helper()
	var names []string
	for _, arn := range w.replayMachine().Substitutions {
		step, err := lambdahost.ParseReference(arn)
		if err != nil {
			w.t.Fatal(err)
		}
		names = append(names, step.Name)
	}
	slices.Sort(names)
	return names
}

// DeploySteps deploys the steps of the state machine again with an environment that
// change has edited, and publishes their next versions, as a deploy with other code
// does. It does not change the definition of the state machine.
func (w *World) DeploySteps(change func(env map[string]string)) {
	w.t.Helper()
	steps := w.Steps()
	for _, described := range w.options.Deployment.Functions {
		if !slices.Contains(steps, described.Name) {
			continue
		}
		f := w.function(described, w.options.Programs)
		f.Env = maps.Clone(f.Env)
		change(f.Env)
		err := w.Host.Update(f)
		if err == nil {
			_, err = w.Host.PublishVersion(f.Name)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}
