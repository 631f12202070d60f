package stacks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// naming has the property with the name of each type of resource that has one.
func naming() map[string]string {
	return map[string]string{
		"AWS::ApiGatewayV2::Api":           "Name",
		"AWS::CloudWatch::Alarm":           "AlarmName",
		"AWS::CloudWatch::Dashboard":       "DashboardName",
		"AWS::DynamoDB::Table":             "TableName",
		"AWS::Events::Rule":                "Name",
		"AWS::IAM::Group":                  "GroupName",
		"AWS::IAM::ManagedPolicy":          "ManagedPolicyName",
		"AWS::IAM::Role":                   "RoleName",
		"AWS::IAM::User":                   "UserName",
		"AWS::KMS::Alias":                  "AliasName",
		"AWS::Kinesis::Stream":             "Name",
		"AWS::Lambda::Function":            "FunctionName",
		"AWS::Logs::LogGroup":              "LogGroupName",
		"AWS::S3::Bucket":                  "BucketName",
		"AWS::SNS::Topic":                  "TopicName",
		"AWS::Scheduler::Schedule":         "Name",
		"AWS::SQS::Queue":                  "QueueName",
		"AWS::SSM::Parameter":              "Name",
		"AWS::StepFunctions::StateMachine": "StateMachineName",
	}
}

// inAllRegions are the types whose names all regions of an account share.
func inAllRegions() []string {
	return []string{"AWS::IAM::Group", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::User",
		"AWS::CloudWatch::Dashboard", "AWS::S3::Bucket"}
}

// namesOf returns the names that a deployment of a variant takes in a region: of
// resources, stacks, exports and metrics. CloudFormation makes up those that no template
// gives, and never the same one twice.
func namesOf(t *testing.T, variant, region string) []string {
	t.Helper()
	var taken []string
	for _, kind := range kinds {
		read := templates[variant+kind]
		taken = append(taken, region+" stack "+read.Stack)
		for _, output := range read.Outputs {
			if export := at(output, "Export", "Name"); export != nil {
				taken = append(taken, region+" export "+flatIn(t, region, export))
			}
		}
		for id, r := range read.Resources {
			if r.Type == "AWS::Logs::MetricFilter" {
				m := list(r.Properties["MetricTransformations"])[0]
				taken = append(taken, fmt.Sprint(region, " metric ", at(m, "MetricNamespace"), " ", at(m, "MetricName")))
			}
			for property, value := range r.Properties {
				if !nameOf(r.Type, property) {
					continue
				}
				if property != naming()[r.Type] {
					t.Errorf("%s: is %s the name of a %s, or of something else?", id, property, r.Type)
				}
				name := r.Type + " " + flatIn(t, region, value)
				if !slices.Contains(inAllRegions(), r.Type) {
					name = region + " " + name
				}
				taken = append(taken, name)
			}
		}
	}
	return taken
}

// nameOf reports whether a property looks like the name of its resource: other names in
// a template are those of resources that it refers to, or of parts of a resource.
func nameOf(kind, property string) bool {
	refers := map[string][]string{
		"FunctionName": {"AWS::Lambda::Version", "AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping",
			"AWS::Lambda::EventInvokeConfig"},
		"LogGroupName": {"AWS::Logs::MetricFilter"},
		"MetricName":   {"AWS::CloudWatch::Alarm"},
		"StageName":    {"AWS::ApiGatewayV2::Stage"},
		"PolicyName":   {"AWS::IAM::Policy"}, // within its role
		"Name":         {"AWS::ApiGatewayV2::Authorizer"},
	}
	return strings.HasSuffix(property, "Name") && !slices.Contains(refers[property], kind)
}

// TestDeploymentsOfOneAccountShareNoName: two prefixes in two regions, each pair of which
// can be deployed side by side.
func TestDeploymentsOfOneAccountShareNoName(t *testing.T) {
	owner := make(map[string]string)
	for _, variant := range []string{"", "orders/"} {
		for _, region := range []string{"eu-west-1", "us-east-1"} {
			deployment := "the deployment " + variant + " in " + region
			taken := namesOf(t, variant, region)
			if len(taken) < 90 {
				t.Errorf("%s takes only %d names", deployment, len(taken))
			}
			for _, name := range taken {
				if owner[name] != "" {
					t.Errorf("%q is taken by %s and %s", name, owner[name], deployment)
				}
				owner[name] = deployment
			}
		}
	}
}
