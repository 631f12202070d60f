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
	RoleArn    string `json:"roleArn"`
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

// listStateMachines returns all machines in one page, since there are few.
func (s *Server) listStateMachines(context.Context, struct{}) (any, error) {
	views := []machineView{}
	for _, machine := range s.config.Machines {
		views = append(views, s.viewOfMachine(machine))
	}
	return map[string]any{"stateMachines": views}, nil
}
