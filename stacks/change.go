package stacks

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// Recorded is what a deployment says about itself in the output "settings" of its stack
// "data".
type Recorded struct {
	Lanes          int    `json:"lanes"`
	Bucket         string `json:"bucket"`
	Shards         int    `json:"shards"`
	PlaybackShards int    `json:"playbackShards"`
	Concurrency    int    `json:"concurrency"`
	// Service tells whether the deployment has run-microservice.
	Service bool `json:"service"`
	// Personal tells whether the deployment has a table of keys.
	Personal bool `json:"personal"`
}

// CheckChange returns ErrConfig if a deployment cannot take these settings, and says
// what to do instead.
func (c Config) CheckChange(deployed Recorded) error {
	const another = "deploy another platform with another reprise:prefix and import the events there"
	var wrong []error
	if c.Lanes != deployed.Lanes {
		wrong = append(wrong, fmt.Errorf("reprise:lanes is %d, but the platform was created with %d, which never change: "+
			"set %d, or %s", c.Lanes, deployed.Lanes, deployed.Lanes, another))
	}
	if c.Bucket != deployed.Bucket {
		wrong = append(wrong, fmt.Errorf("reprise:bucket is %s, but the platform was created with %s, which never changes: "+
			"set %s, or %s", c.Bucket, deployed.Bucket, deployed.Bucket, another))
	}
	if deployed.Personal && !c.Personal {
		wrong = append(wrong, errors.New("no field is declared personal any more, but the log may have sealed ones: "+
			"without a declaration nobody can read or erase them. Keep at least one type in pkg/domain/personal.go"))
	}
	wrong = append(wrong,
		checkShards("shards", deployed.Shards, c.Shards),
		checkShards("playbackShards", deployed.PlaybackShards, c.PlaybackShards))
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	return nil
}

// checkShards refuses what Kinesis refuses: at once, the number of shards may at most
// double or halve.
func checkShards(setting string, from, to int) error {
	if to <= 2*from && 2*to >= from {
		return nil
	}
	nearest := min(to, 2*from)
	if to < from {
		nearest = (from + 1) / 2
	}
	return fmt.Errorf("reprise:%s is %d, but the stream has %d, which can at most double or halve at once: "+
		"deploy %d first and go on from there, once the stream is active again (Kinesis allows ten changes a day)",
		setting, to, from, nearest)
}

// record writes down the settings that a later deploy is compared with, and lets
// CloudFormation refuse other lanes and buckets before it changes anything. The command
// line passes the previous value of a parameter, which is the first that was deployed.
func (d *deployment) record(stack awscdk.Stack) {
	const says = "reprise:%s is now %s, but the platform was created with another value, which never changes. " +
		"reprise doctor shows it: set that one"
	for setting, value := range map[string]string{"lanes": fmt.Sprint(d.Lanes), "bucket": d.Bucket} {
		created := awscdk.NewCfnParameter(stack, jsii.String("created-with-"+setting), &awscdk.CfnParameterProps{
			Type: jsii.String("String"), Default: value,
			Description: jsii.String("The value of reprise:" + setting + " with which the platform was created")})
		awscdk.NewCfnRule(stack, jsii.String("same-"+setting), &awscdk.CfnRuleProps{
			Assertions: &[]*awscdk.CfnRuleAssertion{{
				Assert:            awscdk.Fn_ConditionEquals(created.ValueAsString(), jsii.String(value)),
				AssertDescription: jsii.String(fmt.Sprintf(says, setting, value)),
			}}})
	}
	settings, err := json.Marshal(Recorded{d.Lanes, d.Bucket, d.Shards, d.PlaybackShards, d.Concurrency, d.Service,
		d.Personal})
	if err != nil {
		panic(err) // numbers and text always have a JSON form
	}
	awscdk.NewCfnOutput(stack, jsii.String("settings"), &awscdk.CfnOutputProps{
		Value:       jsii.String(string(settings)),
		Description: jsii.String("What was deployed; later deploys are compared with it")})
}
