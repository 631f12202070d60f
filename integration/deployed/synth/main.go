// Command synth writes the templates of the platform into a directory, with
// placeholders for the functions' programs, which readers of templates do not need.
// Arguments: the directory, the CDK context as JSON, and whether the business logic has
// a service.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"reprise/stacks"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 || len(args) > 4 {
		return errors.New("usage: synth DIRECTORY CONTEXT true|false [personal]")
	}
	service, err := strconv.ParseBool(args[2])
	if err != nil {
		return fmt.Errorf("read whether there is a service: %w", err)
	}
	var context map[string]any
	if err := json.Unmarshal([]byte(args[1]), &context); err != nil {
		return fmt.Errorf("decode context: %w", err)
	}
	config, err := stacks.FromContext(context, service)
	if err != nil {
		return err
	}
	config.Personal = len(args) == 4
	stand := filepath.Join(args[0], "stand-in")
	if err := os.MkdirAll(stand, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stand, "bootstrap"), []byte("stands in"), 0o755); err != nil {
		return err
	}
	defer jsii.Close()
	app := awscdk.NewApp(&awscdk.AppProps{Context: &context, Outdir: jsii.String(args[0])})
	stacks.New(app, config, func(string) string { return stand })
	app.Synth(nil)
	return nil
}
