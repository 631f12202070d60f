package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// The names of resources follow from the prefix, so that stacks refer to each other's
// resources without exports, which would tie their updates together.
func (c Config) eventsTable() string    { return c.Prefix + "-events" }
func (c Config) controlTable() string   { return c.Prefix + "-control" }
func (c Config) effectsTable() string   { return c.Prefix + "-effects" }
func (c Config) keysTable() string      { return c.Prefix + "-keys" }
func (c Config) keyAlias() string       { return "alias/" + c.Prefix + "-personal" }
func (c Config) generations() string    { return c.Prefix + "-generation-*" }
func (c Config) eventStream() string    { return c.Prefix + "-event-stream" }
func (c Config) playbackStream() string { return c.Prefix + "-playback" }
func (c Config) stateMachine() string   { return c.Prefix + "-replay" }
func (c Config) controlMachine() string { return c.Prefix + "-control" }
func (c Config) verifyMachine() string  { return c.Prefix + "-verify" }
func (c Config) failedCalls() string    { return c.Prefix + "-failed-calls" }

// mapLabel is the Label of the state machine's Distributed Map. The ARNs of map runs
// and their children contain it.
const mapLabel = "ReadSegments"

func (c Config) function(folder string) string { return c.Prefix + "-" + folder }
func (c Config) stack(kind string) string      { return c.Prefix + "-" + kind }

// inRegion is a name followed by the stack's region, for resources whose names are
// shared by all regions of an account.
func inRegion(stack awscdk.Stack, name string) *string {
	return awscdk.Fn_Join(jsii.String("-"), &[]*string{jsii.String(name), stack.Region()})
}

// arn returns the ARN of a resource in the stack's account and region. resource is
// "resource/name" or "resource:name".
func arn(stack awscdk.Stack, service, resource string) *string {
	return stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String(service), Resource: jsii.String(resource),
		ArnFormat: awscdk.ArnFormat_NO_RESOURCE_NAME})
}

func tableARN(stack awscdk.Stack, name string) *string { return arn(stack, "dynamodb", "table/"+name) }

func streamARN(stack awscdk.Stack, name string) *string { return arn(stack, "kinesis", "stream/"+name) }

func functionARN(stack awscdk.Stack, name string) *string {
	return arn(stack, "lambda", "function:"+name)
}

func queueARN(stack awscdk.Stack, name string) *string { return arn(stack, "sqs", name) }

func machineARN(stack awscdk.Stack, name string) *string {
	return arn(stack, "states", "stateMachine:"+name)
}

func executionARN(stack awscdk.Stack, machine string) *string {
	return arn(stack, "states", "execution:"+machine+":*")
}

func mapRunARN(stack awscdk.Stack, labelled string) *string {
	return arn(stack, "states", "mapRun:"+labelled+":*")
}
