package deployed

import (
	"maps"
	"slices"

	"reprise/integration/lambdahost"
)

// Steps are the functions that the state machine calls, by their names.
func (w *World) Steps() []string {
	w.t.Helper()
	var names []string
	for _, arn := range w.options.Deployment.Machines[0].Substitutions {
		step, err := lambdahost.ParseReference(arn)
		if err != nil {
			w.t.Fatal(err)
		}
		names = append(names, step.Name)
	}
	slices.Sort(names)
	return names
}

// DeploySteps deploys the steps of the state machine again, with what change
// makes of their environment, and publishes their next versions, as a deploy
// with other code does. Executions under way keep their definition; the
// definition of those to come is left as it is.
func (w *World) DeploySteps(change func(env map[string]string)) {
	w.t.Helper()
	steps := w.Steps()
	for _, described := range w.options.Deployment.Functions {
		if !slices.Contains(steps, described.Name) {
			continue
		}
		f := w.function(described)
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
