package scenarios

import (
	"os"
	"testing"

	"reprise/pkg/local/localtest"
)

func TestMain(m *testing.M) {
	localtest.SideBySide()
	os.Exit(m.Run())
}
