package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

func actions(names ...string) []string { return names }

// allow returns an explicit statement. The CDK's grants would add needless resources,
// such as indexes.
func allow(names []string, resources ...*string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(names...), Resources: &resources})
}

func allowIf(condition map[string]any, names []string, resources ...*string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings(names...), Resources: &resources, Conditions: &condition})
}

func everything() *string { return jsii.String("*") }

// access makes the statements for the platform's resources, for functions of one
// stack.
type access struct {
	*deployment
	stack awscdk.Stack
}

func (d *deployment) access(stack awscdk.Stack) access { return access{d, stack} }

// The partitions of the control table. A replay has its row among replayRows and its
// other documents in a partition of its own.
const (
	platformKey    = "platform" // the settings that never change
	epochsKey      = "epochs"   // of the event stream
	headKeys       = "head#*"
	manifestKeys   = "manifest#*"
	registerKeys   = "register#*"
	generationsKey = "registry"
	replayRows     = "replays"
	replayKeys     = "replay#*"
	// A verification has its row among verifyRows, which verification of a generation is
	// running among verifyTurns, and its other documents in a partition of its own.
	verifyRows  = "verifications"
	verifyTurns = "verifications-running"
	verifyKeys  = "verification#*"
)

// start is what every function needs to begin: the recorded settings and the event
// stream's epoch, which the first function ever to run writes.
func (a access) start() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		a.control(getItem),
		a.change(platformKey, epochsKey),
		allow(actions("kinesis:DescribeStreamSummary"), streamARN(a.stack, a.eventStream())),
	}
}

// control allows reading control documents.
func (a access) control(operations ...string) awsiam.PolicyStatement {
	return allow(operations, tableARN(a.stack, a.controlTable()))
}

// change allows writing documents of some partitions of the control table.
func (a access) change(partitions ...string) awsiam.PolicyStatement {
	return allowIf(within(partitions), actions(putItem), tableARN(a.stack, a.controlTable()))
}

// forget is for the functions that close replays: they remove old ones.
func (a access) forget() awsiam.PolicyStatement {
	return allowIf(within([]string{replayRows, replayKeys}), actions("dynamodb:DeleteItem"),
		tableARN(a.stack, a.controlTable()))
}

func within(partitions []string) map[string]any {
	return map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": partitions}}
}

// The operations on items. A function may use only those that its code calls; a test
// lists them all.
const (
	getItem  = "dynamodb:GetItem"
	getItems = "dynamodb:BatchGetItem"
	query    = "dynamodb:Query"
	putItem  = "dynamodb:PutItem"
)

// events allows operations on the log. Only the pump may put. A put could replace an
// item, and IAM cannot see the condition that prevents it; so watch-log watches for
// changes.
func (a access) events(operations ...string) awsiam.PolicyStatement {
	return allow(operations, tableARN(a.stack, a.eventsTable()))
}

// state allows operations on generations of the Data Store: get for marks and for puts
// whose answer was lost, batch get for rows, query for the rows of a lane.
func (a access) state(operations ...string) awsiam.PolicyStatement {
	return allow(operations, tableARN(a.stack, a.generations()))
}

// measureState allows asking how large a generation is.
func (a access) measureState() awsiam.PolicyStatement {
	return allow(actions("dynamodb:DescribeTable"), tableARN(a.stack, a.generations()))
}

// wipeState allows emptying a generation, for operators.
func (a access) wipeState() awsiam.PolicyStatement {
	return allow(actions("dynamodb:Scan", "dynamodb:BatchWriteItem"), tableARN(a.stack, a.generations()))
}

// createState allows creating a generation's table, with tags and backups.
func (a access) createState() awsiam.PolicyStatement {
	return allow(actions("dynamodb:CreateTable", "dynamodb:DescribeTable", "dynamodb:TagResource",
		"dynamodb:UpdateContinuousBackups"), tableARN(a.stack, a.generations()))
}

// dropState is for the functions that close replays: they also find tables without an
// owner. Listing tables takes no resource.
func (a access) dropState() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow(actions("dynamodb:DeleteTable", "dynamodb:DescribeTable"), tableARN(a.stack, a.generations())),
		allow(actions("dynamodb:ListTables"), everything()),
	}
}

func (a access) put(stream string) awsiam.PolicyStatement {
	return allow(actions("kinesis:PutRecord"), streamARN(a.stack, stream))
}

// consume is what an event source mapping needs in its function's role.
func (a access) consume(stream string) awsiam.PolicyStatement {
	return allow(actions("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream",
		"kinesis:DescribeStreamSummary", "kinesis:ListShards"), streamARN(a.stack, stream))
}

// lag allows reading a metric of Lambda. The action takes no resource.
func (a access) lag() awsiam.PolicyStatement {
	return allow(actions("cloudwatch:GetMetricStatistics"), everything())
}

func (a access) wakeKeeper() awsiam.PolicyStatement {
	return allow(actions("lambda:InvokeFunction"), functionARN(a.stack, a.Config.function("keep-consumers")))
}

// keep is only for keep-consumers: the aliases of write-state and their mappings. The
// actions on mappings cannot name a function as resource, so a condition does; listing
// takes neither. IAM's documentation does not say whether the condition's value ends
// with the alias, so both forms are allowed.
func (a access) keep() []awsiam.PolicyStatement {
	write := functionARN(a.stack, a.Config.function("write-state"))
	aliases := functionARN(a.stack, a.Config.function("write-state")+":*")
	ours := map[string]any{"ArnLike": map[string]any{"lambda:FunctionArn": []*string{write, aliases}}}
	return []awsiam.PolicyStatement{
		allow(
			actions("lambda:ListAliases", "lambda:CreateAlias", "lambda:UpdateAlias", "lambda:DeleteAlias"),
			write,
			aliases,
		),
		allow(actions("lambda:ListEventSourceMappings"), everything()),
		allowIf(ours, actions("lambda:CreateEventSourceMapping"), everything()),
		allowIf(ours, actions("lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"),
			arn(a.stack, "lambda", "event-source-mapping:*")),
	}
}

// startReplays allows starting executions, checking that one exists, and changing how many
// children its map run runs at a time.
func (a access) startReplays() []awsiam.PolicyStatement {
	return append(a.spreadReplays(),
		allow(actions("states:StartExecution"), machineARN(a.stack, a.stateMachine())),
		allow(actions("states:DescribeExecution"), executionARN(a.stack, a.stateMachine())), a.release())
}

// spreadReplays is for those who set a replay's parallelism: they find the running map
// run of its execution and change how many children it runs at a time.
func (a access) spreadReplays() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow(actions("states:ListMapRuns"), executionARN(a.stack, a.stateMachine())),
		allow(actions("states:UpdateMapRun"), mapRunARN(a.stack, a.stateMachine()+"/"+mapLabel)),
	}
}

// operateReplays is for serve-api, which also shows the executions of replays and their
// children. Step Functions checks DescribeStateMachineForExecution against the execution.
func (a access) operateReplays() []awsiam.PolicyStatement {
	children := a.stateMachine() + "/" + mapLabel
	shows := actions("states:GetExecutionHistory", "states:DescribeStateMachineForExecution")
	return append(a.startReplays(),
		allow(actions("states:StopExecution", "states:ListMapRuns"), executionARN(a.stack, a.stateMachine())),
		allow(shows, executionARN(a.stack, a.stateMachine()), executionARN(a.stack, children)),
		allow(actions("states:DescribeExecution"), executionARN(a.stack, children)),
		allow(actions("states:ListExecutions"), machineARN(a.stack, a.stateMachine()), mapRunARN(a.stack, children)))
}

// rebuild is for plan-verification, which starts the replay of a verification, and stops it
// if the verification was cancelled just then.
func (a access) rebuild() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow(actions("states:StartExecution"), machineARN(a.stack, a.stateMachine())),
		allow(actions("states:DescribeExecution", "states:StopExecution"), executionARN(a.stack, a.stateMachine())),
	}
}

// stopReplays is for those who end the replay of a verification that has ended.
func (a access) stopReplays() awsiam.PolicyStatement {
	return allow(actions("states:StopExecution"), executionARN(a.stack, a.stateMachine()))
}

// watchVerifications allows asking whether the execution of a verification has ended.
func (a access) watchVerifications() awsiam.PolicyStatement {
	return allow(actions("states:DescribeExecution"), executionARN(a.stack, a.verifyMachine()))
}

// startVerifications allows starting and stopping verifications.
func (a access) startVerifications() []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow(actions("states:StartExecution"), machineARN(a.stack, a.verifyMachine())),
		allow(actions("states:StopExecution"), executionARN(a.stack, a.verifyMachine())),
	}
}

// release allows answering the task token of a paused execution. Tokens belong to their
// state machine.
func (a access) release() awsiam.PolicyStatement {
	return allow(actions("states:SendTaskSuccess"), machineARN(a.stack, a.stateMachine()))
}

// countTransitions is for report-replay, which reads the histories of its own
// execution and of the children of its map runs (Service Authorization Reference: the
// machine in a child's ARN has the Map's label, and children are listed by map run).
func (a access) countTransitions() []awsiam.PolicyStatement {
	children := a.stateMachine() + "/" + mapLabel
	return []awsiam.PolicyStatement{
		allow(
			actions("states:GetExecutionHistory"),
			executionARN(a.stack, a.stateMachine()),
			executionARN(a.stack, children),
		),
		allow(actions("states:ListMapRuns"), executionARN(a.stack, a.stateMachine())),
		allow(actions("states:ListExecutions"), mapRunARN(a.stack, children)),
	}
}

// with concatenates statements and lists of statements.
func with(parts ...any) []awsiam.PolicyStatement {
	var all []awsiam.PolicyStatement
	for _, part := range parts {
		switch p := part.(type) {
		case awsiam.PolicyStatement:
			all = append(all, p)
		case []awsiam.PolicyStatement:
			all = append(all, p...)
		}
	}
	return all
}
