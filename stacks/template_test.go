package stacks_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// kinds are the stacks of the default config.
var kinds = []string{"data", "ingest", "replay", "operations"}

// each calls visit for every resource of a type in the default config's stacks,
// in a fixed order.
func each(kind string, visit func(id string, r resource)) { eachOf("", kind, visit) }

// eachOf is each for a variant of the templates.
func eachOf(variant, kind string, visit func(id string, r resource)) {
	for _, stack := range kinds {
		resources := templates[variant+stack].Resources
		for _, id := range slices.Sorted(maps.Keys(resources)) {
			if r := resources[id]; r.Type == kind {
				visit(id, r)
			}
		}
	}
}

// flat makes text of a value with intrinsic functions, as it would be in an
// account.
func flat(t *testing.T, value any) string {
	t.Helper()
	return flatIn(t, "eu-west-1", value)
}

func flatIn(t *testing.T, region string, value any) string {
	t.Helper()
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		if ref, found := v["Ref"].(string); found {
			return map[string]string{
				"AWS::Partition": "aws",
				"AWS::Region":    region,
				"AWS::AccountId": "123456789012",
			}[ref] +
				map[bool]string{false: ref}[strings.HasPrefix(ref, "AWS::")]
		}
		if get, found := v["Fn::GetAtt"].([]any); found {
			return fmt.Sprintf("%s.%s", get[0], get[1])
		}
		if join, found := v["Fn::Join"].([]any); found {
			var parts []string
			for _, part := range join[1].([]any) {
				parts = append(parts, flatIn(t, region, part))
			}
			return strings.Join(parts, join[0].(string))
		}
	}
	t.Fatalf("cannot make text of %v", value)
	return ""
}

// list is a value that a template contains alone or in a list.
func list(value any) []any {
	if many, ok := value.([]any); ok {
		return many
	}
	if value == nil {
		return nil
	}
	return []any{value}
}

// at returns a nested member.
func at(value any, path ...string) any {
	for _, name := range path {
		members, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = members[name]
	}
	return value
}

// statement is one statement of a policy.
type statement struct {
	policy             string
	effect             string
	actions, resources []string
	condition          any
}

func statements(t *testing.T) []statement { return statementsOf(t, "") }

func statementsOf(t *testing.T, variant string) []statement {
	t.Helper()
	var all []statement
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} {
		eachOf(variant, kind, func(id string, r resource) {
			for _, s := range list(at(r.Properties, "PolicyDocument", "Statement")) {
				one := statement{policy: id, effect: at(s, "Effect").(string), condition: at(s, "Condition")}
				for _, action := range list(at(s, "Action")) {
					one.actions = append(one.actions, action.(string))
				}
				for _, resource := range list(at(s, "Resource")) {
					one.resources = append(one.resources, flat(t, resource))
				}
				all = append(all, one)
			}
		})
	}
	if len(all) < 50 {
		t.Fatalf("only %d statements were found", len(all))
	}
	return all
}
