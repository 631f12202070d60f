package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/aws/doctor"
	"reprise/pkg/aws/settings"
	"reprise/pkg/cli/command"
)

const doctorHelp = `
Examines an AWS account before the first deploy (credentials, region, CDK
bootstrap, quotas) and a deployment after it (stacks, tables, consumers, state
machine, alarms). It reads and changes nothing, and exits with 1 where something
must be mended; each finding says what to do. The credentials are those of the
AWS command line.

Examples:
  reprise doctor --region eu-west-1
  reprise doctor --stack-prefix orders --json | jq '.findings[] | select(.level == "mend")'
`

// examine examines an account, as doctor.Doctor does.
type examine func(ctx context.Context, region string, names settings.Names) (doctor.Report, error)

func examineAWS(ctx context.Context, region string, names settings.Names) (doctor.Report, error) {
	d, err := doctor.New(ctx, region, names)
	if err != nil {
		return doctor.Report{}, err
	}
	return d.Examine(ctx), nil
}

func doctorCommand() command.Command { return doctorCommandWith(examineAWS) }

func doctorCommandWith(look examine) command.Command {
	return command.Command{
		Name:    "doctor",
		Summary: "examine an AWS account or deployment",
		Help:    doctorHelp,
		Setup: func(a *command.App, fs *flag.FlagSet) command.Exec {
			region := fs.String("region", "", "AWS `REGION` (default that of the environment)")
			prefix := fs.String("stack-prefix", "reprise", "`PREFIX` of the deployment, reprise:prefix in cdk.json")
			asJSON := fs.Bool("json", false, "print JSON")
			return func(ctx context.Context, _ string) error {
				names, err := settings.NewNames(*prefix)
				if err != nil {
					return command.Misuse("--stack-prefix %v", err)
				}
				report, err := look(ctx, *region, names)
				if err != nil {
					return err
				}
				return printReport(a, report, *asJSON)
			}
		},
	}
}

var errUnsound = errors.New("at least one finding must be fixed")

func printReport(a *command.App, report doctor.Report, asJSON bool) error {
	if asJSON {
		if err := command.PrintJSON(a.Stdout, report); err != nil {
			return err
		}
	} else if err := command.Table(a.Stdout, func(w io.Writer) { printFindings(w, report) }); err != nil {
		return err
	}
	if !report.Sound() {
		return command.Hint(errUnsound, "each finding at level mend says what to do")
	}
	return nil
}

func printFindings(w io.Writer, report doctor.Report) {
	account, region := command.OrDash(report.Account), command.OrDash(report.Region)
	command.Row(w, fmt.Sprintf("account %s, region %s, prefix %s", account, region, report.Prefix))
	command.Row(w, "\nLEVEL", "SUBJECT", "SAYS")
	for _, f := range report.Findings {
		command.Row(w, string(f.Level), f.Subject, f.Says)
		if f.Do != "" {
			command.Row(w, "", "", "-> "+f.Do)
		}
	}
}
