package template

import (
	"fmt"
	"strings"
)

// The types of resources that this package knows.
const (
	typeTable       = "AWS::DynamoDB::Table"
	typeStream      = "AWS::Kinesis::Stream"
	typeFunction    = "AWS::Lambda::Function"
	typeVersion     = "AWS::Lambda::Version"
	typeMapping     = "AWS::Lambda::EventSourceMapping"
	typeRoute       = "AWS::ApiGatewayV2::Route"
	typeIntegration = "AWS::ApiGatewayV2::Integration"
	typeRule        = "AWS::Events::Rule"
	typeSchedule    = "AWS::Scheduler::Schedule"
	typeFilter      = "AWS::Logs::MetricFilter"
	typeMachine     = "AWS::StepFunctions::StateMachine"
	typeRole        = "AWS::IAM::Role"
	typePolicy      = "AWS::IAM::ManagedPolicy"
	typeRolePolicy  = "AWS::IAM::Policy"
)

// firstVersion is the number of the version that a first deploy publishes.
const firstVersion = "1"

// ref is the value of Ref: a pseudo parameter, a parameter's default, or a
// resource's name or ARN, depending on its type.
func (d *document) ref(id string) (any, error) {
	switch id {
	case "AWS::Region":
		return d.set.place.Region, nil
	case "AWS::AccountId":
		return d.set.place.Account, nil
	case "AWS::Partition":
		return "aws", nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName", "AWS::StackId":
		return fmt.Sprintf("stack-%d", d.number), nil
	case "AWS::NoValue":
		return nil, nil //nolint:nilnil // templates use it to remove a property
	}
	if parameter, found := d.Parameters[id]; found {
		return parameter.Default, nil
	}
	r := d.Resources[id]
	if r == nil {
		return nil, fmt.Errorf("Ref %s: no such resource: %w", id, errShape)
	}
	switch r.Type {
	case typeMachine:
		return r.arn()
	case typeVersion:
		function, err := r.function()
		return function + ":" + firstVersion, err
	case typeTable, typeStream, typeFunction, typeRole:
		return r.name()
	}
	return r.id, nil // stands for an id that the service would choose
}

// getAttribute is the value of Fn::GetAtt.
func (d *document) getAttribute(argument any) (any, error) {
	if text, ok := argument.(string); ok {
		id, attribute, _ := strings.Cut(text, ".")
		argument = []any{id, attribute}
	}
	id, attribute, ok := pair[string, string](argument)
	if !ok {
		return nil, fmt.Errorf("Fn::GetAtt: %w", errShape)
	}
	r := d.Resources[id]
	if r == nil {
		return nil, fmt.Errorf("Fn::GetAtt %s.%s: no such resource: %w", id, attribute, errShape)
	}
	switch {
	case r.Type == typeVersion && attribute == "Version":
		return firstVersion, nil
	case r.Type == typeTable && attribute == "StreamArn":
		arn, err := r.arn()
		return arn + "/stream/2026-01-01T00:00:00.000", err
	case r.Type == typeMachine && attribute == "Name":
		return r.name()
	case attribute == "Arn":
		return r.arn()
	}
	return nil, fmt.Errorf("Fn::GetAtt %s.%s of a %s: %w", id, attribute, r.Type, ErrUnknown)
}

// name is a resource's name, or its logical id if the service would choose a name.
func (r *resource) name() (string, error) {
	property := map[string]string{
		typeTable:    "TableName",
		typeStream:   "Name",
		typeFunction: "FunctionName",
		typeMachine:  "StateMachineName",
		typeRole:     "RoleName",
		typePolicy:   "ManagedPolicyName",
	}[r.Type]
	raw, found := r.Properties[property]
	if !found {
		return r.id, nil
	}
	if r.resolving {
		return "", fmt.Errorf("name of %s refers to itself: %w", r.id, errShape)
	}
	r.resolving = true
	defer func() { r.resolving = false }()
	return r.in.text(raw)
}

// function is the ARN of a version's function.
func (r *resource) function() (string, error) {
	name, err := r.in.text(r.Properties["FunctionName"])
	return r.in.set.functionARN(name), err
}

// functionARN returns the ARN of a function, given its name or ARN.
func (s *set) functionARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return s.arn("lambda", "function:"+name)
}

func (s *set) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + s.place.Region + ":" + s.place.Account + ":" + rest
}

func (r *resource) arn() (string, error) {
	name, err := r.name()
	if err != nil {
		return "", err
	}
	s := r.in.set
	switch r.Type {
	case typeTable:
		return s.arn("dynamodb", "table/"+name), nil
	case typeStream:
		return s.arn("kinesis", "stream/"+name), nil
	case typeFunction:
		return s.arn("lambda", "function:"+name), nil
	case typeMachine:
		return s.arn("states", "stateMachine:"+name), nil
	case typeRole:
		return "arn:aws:iam::" + s.place.Account + ":role/" + name, nil
	}
	return "", fmt.Errorf("ARN of a %s: %w", r.Type, ErrUnknown)
}
