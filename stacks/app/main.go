// Command app builds the functions and synthesizes the platform's cloud assembly;
// cdk.json runs it. With credentials it first refuses settings that the present
// deployment cannot take.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"reprise/pkg/domain"
	"reprise/stacks"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	given, err := contextOf(os.Getenv, os.ReadFile)
	if err != nil {
		return err
	}
	config, err := stacks.FromContext(given, domain.Service() != nil)
	if err != nil {
		return err
	}
	if _, err := domain.Personal().Compile(); err != nil {
		return err
	}
	config.Personal = len(domain.Personal()) > 0
	if err := compare(context.Background(), config, os.Getenv, lookAtAWS, os.Stderr); err != nil {
		return err
	}
	const directory = ".reprise/functions"
	if err := config.Build(".", directory); err != nil {
		return err
	}
	app := awscdk.NewApp(&awscdk.AppProps{Context: &given})
	stacks.New(app, config, stacks.Built(directory))
	app.Synth(nil)
	return nil
}

// contextOf returns the context from the CDK's command line, or without it from
// cdk.json.
func contextOf(env func(string) string, read func(string) ([]byte, error)) (map[string]any, error) {
	var given map[string]any
	if text := env("CDK_CONTEXT_JSON"); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, fmt.Errorf("decode context: %w", err)
		}
		return given, nil
	}
	text, err := read("cdk.json")
	if err != nil {
		return nil, fmt.Errorf("read context: %w", err)
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("decode cdk.json: %w", err)
	}
	// The command line derives these from its own settings in the file. They keep
	// what differs between machines out of the templates.
	for _, name := range []string{"enable-path-metadata", "enable-asset-metadata", "version-reporting"} {
		file.Context["aws:cdk:"+name] = false
	}
	return file.Context, nil
}
