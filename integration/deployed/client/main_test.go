package client

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/integration/deployed"
	"reprise/pkg/local/localtest"
)

// groups are those that have a managed policy and that commands need.
func groups() []string {
	return []string{"produce", "operate", "correct", "erase", "audit", "trace", "export"}
}

// profile is the name of the profile whose user is in some groups.
func profile(groups []string) string {
	sorted := slices.Sorted(slices.Values(groups))
	return strings.Join(sorted, ".")
}

// TestMain gives all tests a file with a profile for each set of groups, in place of the
// user's own.
func TestMain(m *testing.M) {
	localtest.SideBySide()
	os.Exit(withProfiles(m.Run))
}

func withProfiles(run func() int) int {
	dir, err := os.MkdirTemp("", "profiles")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "credentials")
	if err := os.WriteFile(file, []byte(profiles()), 0o600); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"AWS_SHARED_CREDENTIALS_FILE": file, "AWS_CONFIG_FILE": os.DevNull, "REPRISE_ENDPOINT": "", "REPRISE_TOKEN": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	return run()
}

func profiles() string {
	var text strings.Builder
	all := groups()
	for set := 1; set < 1<<len(all); set++ {
		var in []string
		for i, group := range all {
			if set&(1<<i) != 0 {
				in = append(in, group)
			}
		}
		key := deployed.Key(in...)
		fmt.Fprintf(&text, "[%s]\nregion = us-east-1\naws_access_key_id = %s\naws_secret_access_key = %s\n"+
			"aws_session_token = %s\n", profile(in), key.AccessKeyID, key.SecretAccessKey, key.SessionToken)
	}
	return text.String()
}
