package stacks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// folders are the functions of all stacks.
func folders() []string {
	return []string{
		"load-events", "import-events", "serve-api",
		"pump-events", "write-state", "run-microservice", "keep-consumers", "watch-log",
		"plan-replay", "read-segment", "apply-playback", "check-drained", "prove-completeness",
		"follow-stream", "promote-generation", "report-replay", "close-replay",
	}
}

// Build compiles every function of the module at root into its own directory under
// out, which is relative to root. The same sources give the same bytes in any
// directory, so that a deploy updates only functions that changed.
func Build(root, out string) error {
	for _, folder := range folders() {
		target := filepath.Join(out, folder, "bootstrap")
		// The tag omits the RPC of a retired runtime.
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc",
			"-ldflags", "-s -w -buildid=", "-o", target, "./functions/"+folder)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", folder, err, output)
		}
	}
	return nil
}

// Built returns the assets that Build has made under directory.
func Built(directory string) Assets {
	return func(folder string) string { return filepath.Join(directory, folder) }
}
