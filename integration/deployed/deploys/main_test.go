package deploys

import (
	"testing"

	"reprise/pkg/local/localtest"
)

func TestMain(m *testing.M) { localtest.Main(m) }
