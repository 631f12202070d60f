package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"reprise/pkg/aws/doctor"
	"reprise/pkg/aws/settings"
	"reprise/pkg/cli/command"
)

// examined runs the command with given findings.
func examined(t *testing.T, findings []doctor.Finding, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	a := command.NewApp(func(string) string { return "" }, strings.NewReader(""), &out, &out, commands())
	err := a.Run(t.Context(),
		doctorCommandWith(func(_ context.Context, region string, names settings.Names) (doctor.Report, error) {
			return doctor.Report{Account: "123456789012", Region: region, Prefix: names.Prefix(), Findings: findings}, nil
		}), args)
	return out.String(), err
}

func TestDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	findings := []doctor.Finding{
		{Level: doctor.Fine, Subject: "bootstrap", Says: "version 28"},
		{Level: doctor.Mend, Subject: "table orders-events", Says: "has no deletion protection", Do: "cdk deploy --all"},
	}
	out, err := examined(t, findings, "--region", "eu-west-1", "--stack-prefix", "orders")
	if !errors.Is(err, errUnsound) {
		t.Errorf("the error is %v", err)
	}
	for _, text := range []string{
		"account 123456789012, region eu-west-1, prefix orders", "version 28", "mend",
		"-> cdk deploy --all",
	} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not in\n%s", text, out)
		}
	}
	out, err = examined(t, findings, "--json")
	var report doctor.Report
	if !errors.Is(err, errUnsound) || json.Unmarshal([]byte(out), &report) != nil || len(report.Findings) != 2 ||
		report.Prefix != "reprise" {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := examined(t, findings[:1]); err != nil {
		t.Errorf("all is fine: %v", err)
	}
}

func TestDoctorRefusesWhatIsNoPrefix(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--stack-prefix", "No"}, {"more"}, {"--no"}} {
		var wrong *command.MisuseError
		if _, err := examined(t, nil, args...); !errors.As(err, &wrong) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
