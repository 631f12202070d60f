package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"reprise/pkg/aws/apiaccess"
	"reprise/pkg/aws/awsclient"
)

// Recorded is what a deployment says about its settings in an output of its stack
// "data", with the shards that its streams now have.
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

// settingsOutput is the output's name.
const settingsOutput = "settings"

// Recorded reads the settings of the deployment, for a comparison with those of the
// next deploy. found is false if there is no deployment. It fails unless the
// credentials are those of account.
func (d *Doctor) Recorded(ctx context.Context, account string) (recorded Recorded, found bool, err error) {
	who, err := d.identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return recorded, false, fmt.Errorf("read identity: %w", err)
	}
	if own := aws.ToString(who.Account); own != account {
		return recorded, false, fmt.Errorf("the environment's credentials are those of account %s, not of %s", own, account)
	}
	return d.readRecorded(ctx)
}

func (d *Doctor) readRecorded(ctx context.Context) (recorded Recorded, found bool, err error) {
	name := d.Names.Stack("data")
	out, err := d.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil && awsclient.HasCode(err, "ValidationError") {
		return recorded, false, nil // no such stack
	}
	if err != nil {
		return recorded, false, fmt.Errorf("describe stack: %w", err)
	}
	text := apiaccess.Output(out.Stacks, settingsOutput)
	if text == "" {
		return recorded, false, errNotRecorded
	}
	if err := json.Unmarshal([]byte(text), &recorded); err != nil {
		return recorded, false, fmt.Errorf("decode settings of the deployment: %w", err)
	}
	// Somebody may have changed a stream without a deploy.
	for stream, shards := range map[string]*int{
		d.Names.EventStream(): &recorded.Shards, d.Names.PlaybackStream(): &recorded.PlaybackShards,
	} {
		summary, err := d.streams.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
		if awsclient.HasCode(err, "ResourceNotFoundException") {
			continue // its stack was not deployed
		}
		if err != nil {
			return recorded, false, fmt.Errorf("describe stream %s: %w", stream, err)
		}
		*shards = int(aws.ToInt32(summary.StreamDescriptionSummary.OpenShardCount))
	}
	return recorded, true, nil
}

var errNotRecorded = errors.New(
	"the stack does not say with which settings it was deployed: its creation may have failed")

// recorded examines what was deployed, says what a later deploy may change, and returns
// it, as far as it can be read.
func (d *Doctor) recorded(ctx context.Context, r *Report, limit int) Recorded {
	const subject = "settings"
	recorded, found, err := d.readRecorded(ctx)
	switch {
	case err != nil:
		r.unread(subject, err)
		return recorded
	case !found:
		return recorded // stackStatuses reports the stack
	}
	r.add(Fine, subject, fmt.Sprintf("reprise:lanes=%d and reprise:bucket=%s, which never change; "+
		"the next deploy may have %d to %d reprise:shards and %d to %d reprise:playbackShards",
		recorded.Lanes, recorded.Bucket, half(recorded.Shards), 2*recorded.Shards,
		half(recorded.PlaybackShards), 2*recorded.PlaybackShards), "")
	if limit > 0 && recorded.Concurrency > limit {
		r.add(Mend, subject,
			fmt.Sprintf("reprise:concurrency=%d was deployed, but the account has %d", recorded.Concurrency, limit),
			fmt.Sprintf("ask Service Quotas for %d, or set reprise:concurrency to %d in cdk.json and deploy",
				recorded.Concurrency, limit))
	}
	return recorded
}

// half is the least number of shards to which Kinesis reduces n at once.
func half(n int) int { return (n + 1) / 2 }
