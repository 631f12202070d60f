package local

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
	"reprise/pkg/asl/wire"
	"reprise/workflows"
)

// machineSuffix ends the name of a state machine file.
const machineSuffix = ".asl.json"

// ErrWorkflows means that a directory of state machine files cannot be used.
var ErrWorkflows = errors.New("the directory of state machine files cannot be used")

// readMachines reads the state machine files of a directory, "" for none, by name.
func readMachines(dir string) (map[string]*asl.Machine, error) {
	all := make(map[string]*asl.Machine)
	if dir == "" {
		return all, nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWorkflows, err)
	}
	for _, file := range files {
		name, found := strings.CutSuffix(file.Name(), machineSuffix)
		if !found || file.IsDir() {
			continue
		}
		path := filepath.Join(dir, file.Name())
		if all[name], err = readMachine(name, path); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWorkflows, path, err)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s has no file NAME%s", ErrWorkflows, dir, machineSuffix)
	}
	return all, nil
}

// readMachine reads a state machine file. Its placeholders are those of the
// platform's own machines.
func readMachine(name, path string) (*asl.Machine, error) {
	switch {
	case name == machineName || name == controlName || name == verifyName:
		return nil, fmt.Errorf("the platform has a state machine named %s", name)
	case !states.ValidName(name):
		return nil, fmt.Errorf("%q: %w", name, states.ErrInvalidName)
	}
	definition, err := os.ReadFile(path) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, err
	}
	return asl.Parse(definition, substitutions())
}

// machines returns all state machines by name: the platform's own, and the user's.
func (p *Platform) machines(f *functions) (map[string]*asl.Machine, error) {
	replay, err := replayMachine(f)
	if err != nil {
		return nil, err
	}
	control, err := otherMachine(controlName, workflows.Control())
	if err != nil {
		return nil, err
	}
	verify, err := otherMachine(verifyName, workflows.Verify())
	if err != nil {
		return nil, err
	}
	all := maps.Clone(p.userMachines)
	all[machineName], all[controlName], all[verifyName] = replay, control, verify
	return all, nil
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
