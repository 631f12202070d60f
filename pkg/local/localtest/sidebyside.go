package localtest

import (
	"flag"
	"os"
	"testing"
)

// sideBySide is how many parallel tests of a package run at a time.
const sideBySide = "6"

// SideBySide lets more parallel tests run at a time than there may be processors, for
// packages whose tests wait for most of their time: for timers, browsers and processes.
// TestMain calls it before anything else. The flag -parallel goes before it.
func SideBySide() {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err) // only outside a test binary
	}
}

// Main is a TestMain that only lets tests run side by side.
func Main(m *testing.M) {
	SideBySide()
	os.Exit(m.Run())
}
