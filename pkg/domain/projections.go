package domain

import (
	"reprise/pkg/domain/samples"
	"reprise/pkg/projection"
)

// Projections returns every projection of the platform. To add one, write its
// file and its line here.
func Projections() []projection.Projection {
	return []projection.Projection{
		samples.RepoFiles(),
		samples.Accounts(),
	}
}
