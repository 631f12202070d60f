package wire

import "context"

type machineRequest struct{ StateMachineArn string }

// machineView is a state machine in a list, machineDetails the answer of
// DescribeStateMachine.
type machineView struct {
	Arn     string `json:"stateMachineArn"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Created epoch  `json:"creationDate"`
}

type machineDetails struct {
	machineView
	Status     string `json:"status"`
	Definition string `json:"definition"`
	RoleArn    string `json:"roleArn,omitempty"`
}

func (s *Server) viewOfMachine(m Machine) machineView {
	return machineView{Arn: s.arns.Machine(m.Name), Name: m.Name, Type: "STANDARD", Created: epoch(m.Created)}
}

func (s *Server) describeStateMachine(_ context.Context, in machineRequest) (any, error) {
	machine, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	return machineDetails{s.viewOfMachine(machine), "ACTIVE", machine.Definition, machine.RoleArn}, nil
}

// machineOfExecution is the answer of DescribeStateMachineForExecution. A
// machine that was changed or removed since has the role and the date that it
// has now, or none.
type machineOfExecution struct {
	Arn        string `json:"stateMachineArn"`
	Name       string `json:"name"`
	Definition string `json:"definition"`
	RoleArn    string `json:"roleArn,omitempty"`
	Updated    *epoch `json:"updateDate,omitempty"`
	MapRunArn  string `json:"mapRunArn,omitempty"`
}

func (s *Server) describeStateMachineForExecution(ctx context.Context, in executionRequest) (any, error) {
	name, definition, err := s.config.Engine.Definition(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	execution, err := s.config.Engine.Describe(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	answer := machineOfExecution{
		Arn:        execution.StateMachineArn,
		Name:       name,
		Definition: string(definition),
		MapRunArn:  execution.MapRunArn,
	}
	if machine, err := s.machine(s.arns.Machine(name)); err == nil {
		answer.RoleArn, answer.Updated = machine.RoleArn, since(machine.Created)
	}
	return answer, nil
}

type listMachinesRequest struct {
	NextToken  string
	MaxResults int
}

func (s *Server) listStateMachines(_ context.Context, in listMachinesRequest) (any, error) {
	machines := listOf("stateMachines")
	from, err := machines.number(in.NextToken)
	if err != nil {
		return nil, err
	}
	page, next := slice(s.config.Machines, from, in.MaxResults)
	views := make([]machineView, len(page))
	for i, machine := range page {
		views[i] = s.viewOfMachine(machine)
	}
	return machines.answer("stateMachines", views, next), nil
}
