package stacks_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"reprise/stacks"
)

// TestMain makes one cloud assembly for all tests: the CDK runs in a node
// process that is slow to start and serves one caller at a time.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if testing.Short() {
		fmt.Println("not with -short: these tests run the CDK")
		return 0
	}
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			fmt.Fprintln(os.Stderr, "the stacks' tests need node:", err)
			return 1
		}
		fmt.Fprintln(os.Stderr, "SKIPPED: the stacks' tests need node:", err)
		return 0
	}
	dir, err := os.MkdirTemp("", "stacks")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// The runtime has already read its environment, so the program starts
	// itself again.
	for key, value := range map[string]string{"CDK_VALIDATION": "false", "TMPDIR": dir,
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"} {
		if err := os.Setenv(key, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	jsii.Close()
	if err := synthesize(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// The templates of all stacks, by kind. Those with JWT have the prefix "jwt/", those of
// a later deploy with other code "later/", those of another deployment "orders/", and
// those for an account with 1,000 concurrent executions "large/". All of them have a
// service and personal fields, except those with the prefix "plain/", which are the default.
var templates = make(map[string]template)

type template struct {
	Stack      string `json:"-"`
	Resources  map[string]resource
	Outputs    map[string]any
	Parameters map[string]any
	Rules      map[string]any
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
	DependsOn           any
}

// plain is the prefix of the templates without a service.
const plain = "plain/"

// unchanged is the only function whose code is the same in the later deploy.
const unchanged = "check-drained"

func synthesize(dir string) error {
	context, err := cdkContext()
	if err != nil {
		return err
	}
	if err := assemble(dir, "", context, func(folder string) string { return folder }); err != nil {
		return err
	}
	if err := assemble(dir, "later/", context, func(folder string) string {
		if folder == unchanged {
			return folder
		}
		return folder + ", changed"
	}); err != nil {
		return err
	}
	same := func(folder string) string { return folder }
	for variant, change := range map[string]map[string]any{
		"orders/": {"reprise:prefix": "orders"}, "large/": {"reprise:concurrency": 1000.0}, plain: nil,
	} {
		changed := maps.Clone(context)
		maps.Copy(changed, change)
		if err := assemble(dir, variant, changed, same); err != nil {
			return err
		}
	}
	context["reprise:authorization"] = "jwt"
	context["reprise:jwtIssuer"], context["reprise:jwtAudience"] = "https://issuer.example", "reprise"
	context["reprise:alarmEmail"] = "someone@example.com"
	return assemble(dir, "jwt/", context, func(folder string) string { return folder })
}

// assemble makes the templates of a variant. program returns the content of a
// function's program.
func assemble(dir, variant string, context map[string]any, program func(folder string) string) error {
	config, err := stacks.FromContext(context, variant != plain)
	config.Personal = variant != plain
	if err != nil {
		return err
	}
	app := awscdk.NewApp(&awscdk.AppProps{Context: &context, Outdir: jsii.String(filepath.Join(dir, "out"+variant))})
	stacks.New(app, config, func(folder string) string {
		stand := filepath.Join(dir, variant+"functions", folder)
		if err := os.MkdirAll(stand, 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(stand, "bootstrap"), []byte(program(folder)), 0o755); err != nil {
			panic(err)
		}
		return stand
	})
	assembly := app.Synth(nil)
	for _, kind := range []string{"data", "ingest", "replay", "operations"} {
		stack := assembly.GetStackByName(jsii.String(config.Prefix + "-" + kind))
		text, err := json.Marshal(stack.Template())
		if err != nil {
			return err
		}
		var t template
		if err := json.Unmarshal(text, &t); err != nil {
			return err
		}
		t.Stack = *stack.StackName()
		templates[variant+kind] = t
	}
	return nil
}

// cdkContext is the context of cdk.json.
func cdkContext() (map[string]any, error) {
	text, err := os.ReadFile("../cdk.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	return file.Context, nil
}
