package deployed

import (
	"maps"
	"slices"

	"reprise/integration/lambdahost"
)

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
