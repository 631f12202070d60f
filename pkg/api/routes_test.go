package api_test

import (
	"regexp"
	"strings"
	"testing"

	"reprise/pkg/api"
)

// A policy names the route of a group with * for its parameter, which in IAM stands for
// slashes, too: a policy must not allow what lies below a path to those who may read the
// path only.
func TestNoPolicyAllowsTheRouteOfAnotherGroup(t *testing.T) {
	routes := api.Routes()
	for _, allowed := range routes {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(allowed.Pattern), `\{id\}`, ".*") + "$"
		for _, called := range routes {
			if called.Group != allowed.Group && regexp.MustCompile(pattern).MatchString(called.Pattern) {
				t.Errorf("the policy %s for %s allows %s, too, which needs %s",
					allowed.Group, allowed.Pattern, called.Pattern, called.Group)
			}
		}
	}
}
