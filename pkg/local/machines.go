package local

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/asl/wire"
)

// machineSuffix ends the name of a state machine file.
const machineSuffix = ".asl.json"

// ErrWorkflows means that a directory of state machine files cannot be used.
var ErrWorkflows = errors.New("the directory of state machine files cannot be used")

// machines returns all state machines by name: the platform's own, and those of
// Options.Workflows.
func (p *Platform) machines(f *functions) (map[string]*asl.Machine, error) {
	replay, err := replayMachine(f)
	if err != nil {
		return nil, err
	}
	all := map[string]*asl.Machine{machineName: replay}
	if p.options.Workflows == "" {
		return all, nil
	}
	files, err := os.ReadDir(p.options.Workflows)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWorkflows, err)
	}
	added := 0
	for _, file := range files {
		name, found := strings.CutSuffix(file.Name(), machineSuffix)
		if !found || file.IsDir() {
			continue
		}
		path := filepath.Join(p.options.Workflows, file.Name())
		if err := addMachine(all, name, path); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWorkflows, path, err)
		}
		added++
	}
	if added == 0 {
		return nil, fmt.Errorf("%w: %s has no file NAME%s", ErrWorkflows, p.options.Workflows, machineSuffix)
	}
	return all, nil
}

// addMachine adds the state machine of a file. Its placeholders are those of the
// platform's own machines.
func addMachine(all map[string]*asl.Machine, name, path string) error {
	switch {
	case all[name] != nil:
		return fmt.Errorf("the platform has a state machine named %s", name)
	case !states.ValidName(name):
		return fmt.Errorf("%q: %w", name, states.ErrInvalidName)
	}
	definition, err := os.ReadFile(path) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	all[name], err = asl.Parse(definition, substitutions())
	return err
}

// stepFunctions serves the Step Functions API of an engine.
func (p *Platform) stepFunctions(e *engine.Engine, machines map[string]*asl.Machine) *wire.Server {
	config := wire.Config{Engine: e, Region: region, Account: account, Log: p.options.Log}
	for name, machine := range machines {
		config.Machines = append(config.Machines, wire.Machine{
			Name:       name,
			Definition: string(machine.Definition()),
			Created:    time.Now(),
		})
	}
	slices.SortFunc(config.Machines, func(a, b wire.Machine) int { return cmp.Compare(a.Name, b.Name) })
	return wire.New(config)
}
