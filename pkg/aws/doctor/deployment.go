package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/aws/awsclient"
	"reprise/pkg/aws/settings"
)

const redeploy = "cdk deploy --all"

// deployment examines what was deployed, if anything was.
func (d *Doctor) deployment(ctx context.Context, r *Report, concurrency int) {
	if d.stackStatuses(ctx, r); !r.Deployed {
		return
	}
	recorded := d.recorded(ctx, r, concurrency)
	for _, name := range []string{d.Names.EventsTable(), d.Names.ControlTable()} {
		d.table(ctx, r, name)
	}
	if recorded.Personal {
		d.table(ctx, r, d.Names.KeysTable())
	}
	d.consumers(ctx, r, recorded.Service)
	d.machine(ctx, r)
	d.alarmStates(ctx, r)
}

func (d *Doctor) stackStatuses(ctx context.Context, r *Report) {
	missing := 0
	for _, kind := range settings.Stacks() {
		name := d.Names.Stack(kind)
		out, err := d.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		switch {
		case err != nil && awsclient.HasCode(err, "ValidationError"):
			missing++
			r.add(Mend, "stack "+name, "does not exist", redeploy)
		case err != nil:
			r.unread("stack "+name, err)
		case len(out.Stacks) > 0:
			r.Deployed = true
			r.stack(name, string(out.Stacks[0].StackStatus))
		}
	}
	if missing == len(settings.Stacks()) {
		// An account without a deployment is sound.
		r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return strings.HasPrefix(f.Subject, "stack ") })
		r.add(Note, "deployment", "no stack has the prefix "+r.Prefix, redeploy)
	}
}

func (r *Report) stack(name, status string) {
	switch {
	case slices.Contains([]string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}, status):
		r.add(Fine, "stack "+name, status, "")
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		r.add(Note, "stack "+name, status, "check again once it is done")
	default:
		r.add(Mend, "stack "+name, status, "read its events in CloudFormation, fix the cause, then "+redeploy)
	}
}

func (d *Doctor) table(ctx context.Context, r *Report, name string) {
	subject := "table " + name
	out, err := d.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		r.unread(subject, err)
		return
	}
	var wrong []string
	if !aws.ToBool(out.Table.DeletionProtectionEnabled) {
		wrong = append(wrong, "has no deletion protection")
	}
	backups, err := d.tables.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	switch {
	case err != nil:
		r.unread(subject+", backups", err)
	case name == d.Names.KeysTable():
		if recoverable(backups) {
			wrong = append(wrong, "has point-in-time recovery, which keeps the keys of those who were erased: switch it off")
		}
	case !recoverable(backups):
		wrong = append(wrong, "has no point-in-time recovery")
	}
	if name == d.Names.EventsTable() {
		wrong = append(wrong, d.logTable(ctx, r, out.Table)...)
	}
	sound := "is protected and recoverable"
	if name == d.Names.KeysTable() {
		sound = "is protected, and keeps no key that was destroyed"
	}
	r.expect(subject, sound, redeploy+" restores it; find out who changed it", wrong)
}

func recoverable(out *dynamodb.DescribeContinuousBackupsOutput) bool {
	b := out.ContinuousBackupsDescription
	return b != nil && b.PointInTimeRecoveryDescription != nil &&
		b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
}

// logTable examines what only the event log must have.
func (d *Doctor) logTable(ctx context.Context, r *Report, table *types.TableDescription) (wrong []string) {
	if s := table.StreamSpecification; s == nil || !aws.ToBool(s.StreamEnabled) {
		wrong = append(wrong, "has no stream, so nobody would notice a change of the log")
	}
	out, err := d.tables.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: table.TableArn})
	switch {
	case awsclient.HasCode(err, "PolicyNotFoundException"):
		wrong = append(wrong, "has no policy that denies changes and removals")
	case err != nil:
		r.unread("policy of table "+aws.ToString(table.TableName), err)
	default:
		for _, action := range deniedActions() {
			if !denies(aws.ToString(out.Policy), action) {
				wrong = append(wrong, "its policy does not deny "+action)
			}
		}
	}
	return wrong
}

// deniedActions are what the policy of the log's table must deny to everybody.
func deniedActions() []string {
	return []string{"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
		"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete", "dynamodb:UpdateTimeToLive"}
}

// denies reports whether a policy denies an action to everybody unconditionally.
func denies(policy, action string) bool {
	if decoded, err := url.QueryUnescape(policy); err == nil && !strings.HasPrefix(strings.TrimSpace(policy), "{") {
		policy = decoded
	}
	var document struct {
		Statement []struct {
			Effect            string
			Principal, Action any
			Condition         map[string]any
		}
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return false
	}
	for _, s := range document.Statement {
		everybody := s.Principal == "*" || fmt.Sprint(s.Principal) == "map[AWS:*]"
		actions, _ := s.Action.([]any)
		if s.Effect == "Deny" && everybody && len(s.Condition) == 0 && slices.Contains(actions, any(action)) {
			return true
		}
	}
	return false
}

func (d *Doctor) machine(ctx context.Context, r *Report) {
	subject := "state machine " + d.Names.StateMachine()
	arn := fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s", r.Region, r.Account, d.Names.StateMachine())
	out, err := d.machines.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	if err != nil {
		r.unread(subject, err)
		return
	}
	var wrong []string
	if out.Status != "ACTIVE" {
		wrong = append(wrong, "is "+string(out.Status))
	}
	r.expect(subject, "is active", redeploy, wrong)
}

func (d *Doctor) alarmStates(ctx context.Context, r *Report) {
	prefix := d.Names.Prefix() + "-"
	count, raised := 0, 0
	pages := cloudwatch.NewDescribeAlarmsPaginator(d.alarms, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			r.unread("alarms", err)
			return
		}
		for _, alarm := range page.MetricAlarms {
			count++
			if alarm.StateValue == cloudwatchtypes.StateValueAlarm {
				raised++
				r.add(Mend, "alarm "+aws.ToString(alarm.AlarmName), "is raised", aws.ToString(alarm.AlarmDescription))
			}
			if !aws.ToBool(alarm.ActionsEnabled) || len(alarm.AlarmActions) == 0 {
				r.add(Note, "alarm "+aws.ToString(alarm.AlarmName), "notifies nobody", redeploy)
			}
		}
	}
	switch {
	case count == 0:
		r.add(Mend, "alarms", "do not exist", redeploy)
	case raised == 0:
		r.add(Fine, "alarms", fmt.Sprintf("none of %d is raised", count), "")
	}
}
