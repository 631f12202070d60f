package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskinesis"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// data adds the event stream, the tables, and watch-log. The tables come last, since
// they stay behind if a first deploy fails, with names that the next one needs.
func (d *deployment) data(stack awscdk.Stack) {
	d.record(stack)
	// The stream goes if the deploy that creates it fails, and stays otherwise.
	stream := d.stream(stack, "event-stream", d.eventStream(), d.Shards, d.RetentionHours)
	stream.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	log := d.table(stack, "events-table", d.eventsTable(), func(p *awsdynamodb.CfnTableProps) {
		p.StreamSpecification = &awsdynamodb.CfnTable_StreamSpecificationProperty{StreamViewType: jsii.String("KEYS_ONLY")}
		p.ResourcePolicy = &awsdynamodb.CfnTable_ResourcePolicyProperty{PolicyDocument: appendOnly()}
	})
	tables := []awsdynamodb.CfnTable{log, d.table(stack, "control-table", d.controlTable(), nil)}
	if d.Service {
		tables = append(tables, d.table(stack, "effects-table", d.effectsTable(), nil))
	}
	if d.Personal {
		tables = append(tables, d.keys(stack))
		master := d.masterKey(stack)
		for _, table := range tables {
			table.Node().AddDependency(master)
		}
	}
	for _, table := range tables {
		table.Node().AddDependency(stream)
	}
	d.watchLog(stack, log)
}

// keys adds the table of the wrapped keys of data subjects. It has no backups: with one,
// whoever restores it could read what was erased. It outlives the stack, since without it
// no personal field can be read.
func (d *deployment) keys(stack awscdk.Stack) awsdynamodb.CfnTable {
	return d.table(stack, "keys-table", d.keysTable(), func(p *awsdynamodb.CfnTableProps) {
		p.PointInTimeRecoverySpecification = &awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{
			PointInTimeRecoveryEnabled: jsii.Bool(false)}
	})
}

// masterKey adds the key of KMS that wraps the keys of data subjects. It goes if the deploy
// that creates it fails, and stays otherwise.
func (d *deployment) masterKey(stack awscdk.Stack) awskms.CfnAlias {
	key := awskms.NewKey(stack, jsii.String("personal-key"), &awskms.KeyProps{
		Description:       jsii.String("Wraps the keys of the data subjects of " + d.Prefix),
		EnableKeyRotation: jsii.Bool(true),
		PendingWindow:     awscdk.Duration_Days(jsii.Number(30)),
	})
	key.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE)
	alias := awskms.NewCfnAlias(stack, jsii.String("personal-key-alias"), &awskms.CfnAliasProps{
		AliasName: jsii.String(d.keyAlias()), TargetKeyId: key.KeyArn()})
	alias.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, nil)
	return alias
}

// table adds an on-demand table that outlives its stack.
func (d *deployment) table(
	stack awscdk.Stack,
	id, name string,
	more func(*awsdynamodb.CfnTableProps),
) awsdynamodb.CfnTable {
	key := func(name, kind string) *awsdynamodb.CfnTable_KeySchemaProperty {
		return &awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: jsii.String(name), KeyType: jsii.String(kind)}
	}
	text := func(name string) *awsdynamodb.CfnTable_AttributeDefinitionProperty {
		return &awsdynamodb.CfnTable_AttributeDefinitionProperty{
			AttributeName: jsii.String(name),
			AttributeType: jsii.String("S"),
		}
	}
	props := &awsdynamodb.CfnTableProps{
		TableName:                 jsii.String(name),
		BillingMode:               jsii.String("PAY_PER_REQUEST"),
		KeySchema:                 []any{key("pk", "HASH"), key("sk", "RANGE")},
		AttributeDefinitions:      []any{text("pk"), text("sk")},
		DeletionProtectionEnabled: jsii.Bool(true),
		SseSpecification: &awsdynamodb.CfnTable_SSESpecificationProperty{
			SseEnabled: jsii.Bool(true),
			SseType:    jsii.String("KMS"),
		},
		PointInTimeRecoverySpecification: &awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{
			PointInTimeRecoveryEnabled: jsii.Bool(true)},
	}
	if more != nil {
		more(props)
	}
	table := awsdynamodb.NewCfnTable(stack, jsii.String(id), props)
	table.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	return table
}

// appendOnly denies everybody, including administrators, every write to the log but
// single puts, and letting events expire. IAM checks a transaction by the actions in it.
func appendOnly() map[string]any {
	return map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Sid": "AppendOnly", "Effect": "Deny", "Principal": "*", "Resource": "*",
			"Action": []string{"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
				"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete",
				"dynamodb:UpdateTimeToLive"},
		}},
	}
}

func (d *deployment) stream(stack awscdk.Stack, id, name string, shards, hours int) awskinesis.CfnStream {
	return awskinesis.NewCfnStream(stack, jsii.String(id), &awskinesis.CfnStreamProps{
		Name:                 jsii.String(name),
		ShardCount:           jsii.Number(float64(shards)),
		RetentionPeriodHours: jsii.Number(float64(hours)),
		StreamModeDetails:    &awskinesis.CfnStream_StreamModeDetailsProperty{StreamMode: jsii.String("PROVISIONED")},
		StreamEncryption: &awskinesis.CfnStream_StreamEncryptionProperty{
			EncryptionType: jsii.String("KMS"), KeyId: jsii.String("alias/aws/kinesis")},
	})
}

// watchLog adds a function that runs on changes and removals in the log, which never
// happen. Every run raises an alarm.
func (d *deployment) watchLog(stack awscdk.Stack, log awsdynamodb.CfnTable) {
	f := d.newFunction(stack, functionSpec{folder: "watch-log", memory: 128, timeout: 30, statements: with(
		allow(actions("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"), log.AttrStreamArn()),
		// Listing streams takes no resource.
		allow(actions("dynamodb:ListStreams"), everything()))})
	mapping := awslambda.NewCfnEventSourceMapping(
		stack,
		jsii.String("watch-log-mapping"),
		&awslambda.CfnEventSourceMappingProps{
			FunctionName:              f.FunctionName(),
			EventSourceArn:            log.AttrStreamArn(),
			StartingPosition:          jsii.String("TRIM_HORIZON"),
			BatchSize:                 jsii.Number(100),
			MaximumRetryAttempts:      jsii.Number(forever),
			MaximumRecordAgeInSeconds: jsii.Number(forever),
			FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{Filters: []any{
				&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(`{"eventName":["MODIFY","REMOVE"]}`)}}},
		},
	)
	mapping.Node().AddDependency(f.Role())
}
