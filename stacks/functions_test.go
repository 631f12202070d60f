package stacks_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/aws/settings"
)

func functions() map[string]resource {
	all := make(map[string]resource)
	each("AWS::Lambda::Function", func(_ string, r resource) {
		all[strings.TrimPrefix(r.Properties["FunctionName"].(string), "reprise-")] = r
	})
	return all
}

// TestFunctionsHaveWhatTheyRead compares the variables that the stacks set with
// those that the functions read, and reads their values as the functions do.
func TestFunctionsHaveWhatTheyRead(t *testing.T) {
	all := functions()
	got, want := slices.Sorted(maps.Keys(all)), slices.Sorted(slices.Values(settings.Functions()))
	if !slices.Equal(got, want) {
		t.Fatalf("the stacks have %v\nthe functions are %v", got, want)
	}
	for folder, r := range all {
		variables := at(r.Properties, "Environment", "Variables").(map[string]any)
		got, want := slices.Sorted(maps.Keys(variables)), slices.Sorted(slices.Values(settings.Needs(folder)))
		if !slices.Equal(got, want) {
			t.Errorf("%s is given %v\nand reads %v", folder, got, want)
		}
		_, err := settings.Load(folder, func(name string) string {
			if name == settings.EnvWriteVersion {
				return "1" // known once it is published
			}
			return flat(t, variables[name])
		})
		if err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

func TestNamesAgree(t *testing.T) {
	names, err := settings.NewNames("reprise")
	if err != nil {
		t.Fatal(err)
	}
	has := func(kind, property, want string) {
		found := false
		each(kind, func(_ string, r resource) { found = found || r.Properties[property] == want })
		if !found {
			t.Errorf("no %s is named %s", kind, want)
		}
	}
	has("AWS::DynamoDB::Table", "TableName", names.EventsTable())
	has("AWS::DynamoDB::Table", "TableName", names.ControlTable())
	has("AWS::Kinesis::Stream", "Name", names.EventStream())
	has("AWS::Kinesis::Stream", "Name", names.PlaybackStream())
	has("AWS::StepFunctions::StateMachine", "StateMachineName", names.StateMachine())
	if !slices.Equal(kinds, settings.Stacks()) {
		t.Errorf("stacks %v, %v", kinds, settings.Stacks())
	}
	for _, s := range statements(t) {
		for _, resource := range s.resources {
			if _, table, found := strings.Cut(resource, ":table/reprise-generation"); found && table != "-*" {
				t.Errorf("%s: %s", s.policy, resource)
			}
		}
	}
	if names.GenerationPrefix() != "reprise-generation-" {
		t.Errorf("generations begin with %s", names.GenerationPrefix())
	}
}

func TestFunctionsAreBuiltForTheirRuntime(t *testing.T) {
	for folder, r := range functions() {
		p := r.Properties
		if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" ||
			!slices.Equal(list(p["Architectures"]), []any{"arm64"}) {
			t.Errorf("%s: %v", folder, p)
		}
		// A new account may have a total concurrency of 10.
		if p["ReservedConcurrentExecutions"] != nil || p["VpcConfig"] != nil {
			t.Errorf("%s reserves concurrency or is in a VPC", folder)
		}
		if at(p, "TracingConfig", "Mode") != "Active" {
			t.Errorf("%s is traced: %v", folder, p["TracingConfig"])
		}
		if at(p, "LoggingConfig", "LogFormat") != "JSON" {
			t.Errorf("%s logs %v", folder, p["LoggingConfig"])
		}
	}
}

// TestRoutesAgree compares the routes with those that the handlers serve, the
// permission of each, and the function behind it.
func TestRoutesAgree(t *testing.T) {
	served := make(map[string]api.Route)
	for _, route := range api.Routes() {
		served[route.Pattern] = route
	}
	for variant, want := range map[string]string{"": "AWS_IAM", "jwt/": "JWT"} {
		seen := make(map[string]bool)
		for id, r := range templates[variant+"ingest"].Resources {
			if r.Type != "AWS::ApiGatewayV2::Route" {
				continue
			}
			key := r.Properties["RouteKey"].(string)
			seen[key] = true
			if r.Properties["AuthorizationType"] != want {
				t.Errorf("%s: %v", id, r.Properties)
			}
			scopes := list(r.Properties["AuthorizationScopes"])
			if want == "JWT" && !slices.Equal(scopes, []any{"reprise/" + string(served[key].Group)}) {
				t.Errorf("%s: scopes %v", key, scopes)
			}
			if got := functionBehind(t, variant, r); got != served[key].Function {
				t.Errorf("%s is served by %s, the handler is in %s", key, got, served[key].Function)
			}
		}
		if len(seen) != len(served) {
			t.Errorf("%d routes, %d are served: %v", len(seen), len(served), seen)
		}
	}
	for _, s := range statements(t) {
		if s.actions[0] != "execute-api:Invoke" {
			continue
		}
		for _, route := range api.Routes() {
			method, path, _ := strings.Cut(route.Pattern, " ")
			end := "/$default/" + method + strings.ReplaceAll(path, "{id}", "*")
			has := slices.ContainsFunc(s.resources, func(r string) bool { return strings.HasSuffix(r, end) })
			if mine := strings.HasPrefix(s.policy, string(route.Group)+"policy"); has != mine {
				t.Errorf("%s of the group %s in %s: %t", route.Pattern, route.Group, s.policy, has)
			}
		}
	}
}

// functionBehind is the folder of the function that a route leads to.
func functionBehind(t *testing.T, variant string, route resource) string {
	t.Helper()
	resources := templates[variant+"ingest"].Resources
	target := strings.TrimPrefix(flat(t, route.Properties["Target"]), "integrations/")
	id := strings.TrimSuffix(flat(t, resources[target].Properties["IntegrationUri"]), ".Arn")
	name, _ := resources[id].Properties["FunctionName"].(string)
	return strings.TrimPrefix(name, "reprise-")
}

func TestTheAPIIsLimited(t *testing.T) {
	stage := at(templates["ingest"].Resources["stage"].Properties, "DefaultRouteSettings")
	if at(stage, "ThrottlingRateLimit") != 100.0 || at(stage, "ThrottlingBurstLimit") != 200.0 {
		t.Errorf("throttling: %v", stage)
	}
	format := at(templates["ingest"].Resources["stage"].Properties, "AccessLogSettings", "Format")
	if text, ok := format.(string); !ok || !json.Valid([]byte(text)) || strings.Contains(text, "body") {
		t.Errorf("the access log is %v", format)
	}
}

// TestFailedCallsAreKept: a function that is called without anybody waiting for its
// answer has somewhere to send a call that failed every time.
func TestFailedCallsAreKept(t *testing.T) {
	called := make(map[string]bool)
	each("AWS::Events::Rule", func(_ string, r resource) {
		for _, target := range list(r.Properties["Targets"]) {
			id := strings.TrimSuffix(flat(t, at(target, "Arn")), ".Arn")
			for _, stack := range kinds {
				if f, found := templates[stack].Resources[id]; found {
					called[f.Properties["FunctionName"].(string)] = true
				}
			}
		}
	})
	const queue = "arn:aws:sqs:eu-west-1:123456789012:reprise-failed-calls"
	for _, stack := range kinds {
		for id, r := range templates[stack].Resources {
			if r.Type != "AWS::Lambda::EventInvokeConfig" {
				continue
			}
			function := templates[stack].Resources[flat(t, r.Properties["FunctionName"])]
			delete(called, function.Properties["FunctionName"].(string))
			if got := flat(t, at(r.Properties, "DestinationConfig", "OnFailure", "Destination")); got != queue {
				t.Errorf("%s sends failed calls to %s", id, got)
			}
		}
	}
	if len(called) > 0 {
		t.Errorf("failed calls of %v are lost", called)
	}
	queues := 0
	each("AWS::SQS::Queue", func(_ string, r resource) {
		queues++
		if r.Properties["QueueName"] != "reprise-failed-calls" || r.Properties["MessageRetentionPeriod"] != 14*24*3600.0 ||
			r.Properties["SqsManagedSseEnabled"] != true {
			t.Errorf("the queue is %v", r.Properties)
		}
	})
	if queues != 1 {
		t.Errorf("%d queues", queues)
	}
}

// TestNumberOfResources is a snapshot: a change here is either intended or a
// mistake.
func TestNumberOfResources(t *testing.T) {
	got := make(map[string]int)
	for _, stack := range kinds {
		for _, r := range templates[stack].Resources {
			got[strings.TrimPrefix(r.Type, "AWS::")]++
		}
	}
	want := map[string]int{
		"ApiGatewayV2::Api":           1,
		"ApiGatewayV2::Integration":   3,
		"ApiGatewayV2::Route":         50,
		"ApiGatewayV2::Stage":         1,
		"CloudWatch::Alarm":           36,
		"CloudWatch::Dashboard":       1,
		"DynamoDB::Table":             3,
		"Events::Rule":                4,
		"IAM::ManagedPolicy":          7,
		"IAM::Policy":                 27,
		"IAM::Role":                   27,
		"Kinesis::Stream":             2,
		"Lambda::EventInvokeConfig":   3,
		"Lambda::EventSourceMapping":  4,
		"Lambda::Function":            23,
		"Lambda::Permission":          7,
		"Lambda::Version":             13,
		"Logs::LogGroup":              27,
		"Logs::MetricFilter":          19,
		"SNS::Topic":                  1,
		"SQS::Queue":                  1,
		"Scheduler::Schedule":         1,
		"StepFunctions::StateMachine": 3,
	}
	if !maps.Equal(got, want) {
		t.Errorf("resources\n%v, want\n%v", got, want)
	}
	subscriptions := 0
	for _, r := range templates["jwt/operations"].Resources {
		if r.Type == "AWS::SNS::Subscription" {
			subscriptions++
		}
	}
	if subscriptions != 1 {
		t.Errorf("%d subscriptions to the alarms", subscriptions)
	}
}
