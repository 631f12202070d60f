package domain_test

import (
	"strings"
	"testing"

	"reprise/pkg/domain"
	"reprise/pkg/projection"
)

// Each projection is registered once, under a name of its own, whatever a user adds.
func TestEveryProjectionIsRegisteredUnderItsOwnName(t *testing.T) {
	set, err := projection.NewSet(domain.Projections()...)
	if err != nil {
		t.Fatal(err)
	}
	registered := strings.Split(set.Version(), ",")
	names := map[string]bool{}
	for _, version := range registered {
		name, _, _ := strings.Cut(version, "@")
		if names[name] {
			t.Errorf("%s is registered twice: %v", name, registered)
		}
		names[name] = true
	}
	if len(names) != len(domain.Projections()) {
		t.Errorf("%d projections are registered as %v", len(domain.Projections()), registered)
	}
	if set.For("nobody.wants") != nil {
		t.Error("an unknown type has a projection")
	}
}

// What is declared personal can be found in events: start and deploy refuse it otherwise.
func TestTheDeclarationOfPersonalFieldsIsSound(t *testing.T) {
	if _, err := domain.Personal().Compile(); err != nil {
		t.Error(err)
	}
}
