package stacks_test

import (
	"slices"
	"strings"
	"testing"
)

// Names that all regions of an account share contain the region, so that two regions
// of one account can have a deployment of the same prefix.
func TestNamesOfTheWholeAccountContainTheRegion(t *testing.T) {
	shared := map[string]string{
		"AWS::IAM::ManagedPolicy":    "ManagedPolicyName",
		"AWS::IAM::Role":             "RoleName",
		"AWS::IAM::User":             "UserName",
		"AWS::IAM::Group":            "GroupName",
		"AWS::CloudWatch::Dashboard": "DashboardName",
		"AWS::S3::Bucket":            "BucketName",
	}
	named := 0
	for kind, property := range shared {
		each(kind, func(id string, r resource) {
			name, given := r.Properties[property]
			if !given {
				return // CloudFormation makes one up
			}
			named++
			if text := flat(t, name); !strings.HasSuffix(text, "-eu-west-1") {
				t.Errorf("%s is called %s in every region", id, text)
			}
		})
	}
	if named < 4 {
		t.Errorf("only %d names were seen", named)
	}
}

// Two deployments with different prefixes in one region share no name.
func TestEveryNameContainsThePrefix(t *testing.T) {
	// names of something that is not made here
	foreign := []string{"StageName", "AttributeName", "MetricName", "PolicyName"}
	for _, stack := range kinds {
		for id, r := range templates[stack].Resources {
			for property, value := range r.Properties {
				text, plain := value.(string)
				if !plain || !strings.HasSuffix(property, "Name") || slices.Contains(foreign, property) {
					continue
				}
				if name := strings.TrimPrefix(text, "/aws/lambda/"); !strings.Contains(name, "reprise") {
					t.Errorf("%s: %s is %s", id, property, text)
				}
			}
		}
	}
}
