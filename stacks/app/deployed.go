package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"reprise/pkg/aws/doctor"
	"reprise/pkg/aws/settings"
	"reprise/stacks"
)

// lookTime bounds the look at the deployment.
const lookTime = 20 * time.Second

// look reads the settings of a deployment of a prefix.
type look func(ctx context.Context, account, region, prefix string) (recorded doctor.Recorded, found bool, err error)

func lookAtAWS(ctx context.Context, account, region, prefix string) (recorded doctor.Recorded, found bool, err error) {
	names, err := settings.NewNames(prefix)
	if err != nil {
		return recorded, false, err
	}
	d, err := doctor.New(ctx, region, names)
	if err != nil {
		return recorded, false, err
	}
	return d.Recorded(ctx, account)
}

// compare refuses settings that the deployment cannot take. The CDK's command line says
// which account and region it deploys to if it has credentials; without it or them
// there is nothing to compare with. If the deployment cannot be read, compare warns.
func compare(ctx context.Context, config stacks.Config, env func(string) string, read look, warnings io.Writer) error {
	account, region := env("CDK_DEFAULT_ACCOUNT"), env("CDK_DEFAULT_REGION")
	if account == "" || region == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	recorded, found, err := read(ctx, account, region, config.Prefix)
	if err != nil {
		_, err = fmt.Fprintf(warnings, "WARNING: the settings were not compared with the deployment %s in account %s, "+
			"region %s: %v.\nBefore you deploy, look with `go tool reprise doctor` what lanes, bucket and shards may be.\n",
			config.Prefix, account, region, err)
		return err
	}
	if !found {
		return nil
	}
	return config.CheckChange(stacks.Recorded(recorded))
}
