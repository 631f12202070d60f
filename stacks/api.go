package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// route is a route of the HTTP API, the group that may call it and the function that
// serves it. A test compares the list with package api's.
type route struct{ key, group, function string }

// The groups of routes. Each is a managed policy (IAM) or a scope (JWT).
const (
	produce = "produce"
	operate = "operate"
	correct = "correct"
	audit   = "audit"
	trace   = "trace"
	export  = "export"
	approve = "approve"
)

func routes() []route {
	return []route{
		{"POST /events", produce, "load-events"},
		{"POST /imports", operate, "import-events"},
		{"POST /replays", operate, "serve-api"},
		{"POST /replays/{id}/cancel", operate, "serve-api"},
		{"POST /replays/{id}/pause", operate, "serve-api"},
		{"POST /replays/{id}/resume", operate, "serve-api"},
		{"POST /replays/{id}/rate", operate, "serve-api"},
		{"POST /replays/{id}/budget", operate, "serve-api"},
		{"POST /replays/{id}/parallelism", operate, "serve-api"},
		{"POST /replays/{id}/continue", operate, "serve-api"},
		{"POST /generations/{id}/promote", operate, "serve-api"},
		{"POST /generations/{id}/rollback", operate, "serve-api"},
		{"POST /generations/{id}/drop", operate, "serve-api"},
		{"POST /state/wipe", operate, "serve-api"},
		{"POST /entities/{id}/skip", correct, "serve-api"},
		{"POST /entities/{id}/refold", correct, "serve-api"},
		{"POST /entities/{id}/reverse", correct, "serve-api"},
		{"GET /entities/{id}", audit, "serve-api"},
		{"GET /entities/{id}/events", audit, "serve-api"},
		{"GET /past/{id}/state", trace, "serve-api"},
		{"GET /past/{id}/explain", trace, "serve-api"},
		{"GET /past/{id}/diff", trace, "serve-api"},
		{"GET /audit", trace, "serve-api"},
		{"POST /touched", audit, "serve-api"},
		{"GET /rows", audit, "serve-api"},
		{"GET /parked", audit, "serve-api"},
		{"GET /quarantine", audit, "serve-api"},
		{"GET /lanes", audit, "serve-api"},
		{"GET /status", audit, "serve-api"},
		{"GET /generations", audit, "serve-api"},
		{"GET /generations/{id}/diff", audit, "serve-api"},
		{"GET /replays", audit, "serve-api"},
		{"GET /replays/{id}", audit, "serve-api"},
		{"GET /replays/{id}/progress", audit, "serve-api"},
		{"GET /replays/{id}/execution", audit, "serve-api"},
		{"POST /verifications", operate, "serve-api"},
		{"POST /verifications/{id}/cancel", operate, "serve-api"},
		{"GET /verifications", audit, "serve-api"},
		{"GET /verifications/{id}", audit, "serve-api"},
		{"GET /verifications/{id}/differences", audit, "serve-api"},
		{"GET /effects/waiting", audit, "serve-api"},
		{"GET /effects/{id}/calls", trace, "serve-api"},
		{"POST /effects/{id}/resume", approve, "serve-api"},
		{"GET /comparisons/{id}", trace, "serve-api"},
		{"POST /comparisons/{id}/approve", approve, "serve-api"},
		{"GET /openapi.yaml", audit, "serve-api"},
		{"POST /plans", audit, "serve-api"},
		{"GET /input-schema", audit, "serve-api"},
		{"GET /log/cut", export, "serve-api"},
		{"POST /log/pages", export, "serve-api"},
	}
}

type apiFunctions struct{ load, imports, api awslambda.Function }

func (f apiFunctions) byFolder() map[string]awslambda.Function {
	return map[string]awslambda.Function{"load-events": f.load, "import-events": f.imports, "serve-api": f.api}
}

// accessLog records who requested what and the outcome, without payloads.
const accessLog = `{"time":"$context.requestTime","request":"$context.requestId","ip":"$context.identity.sourceIp",` +
	`"caller":"$context.identity.caller","route":"$context.routeKey","status":"$context.status",` +
	`"bytes":"$context.responseLength","took":"$context.responseLatency","error":"$context.integrationErrorMessage"}`

// api adds the HTTP API. The service limits requests to 10 MB and 30 s, the functions
// to 4 MiB.
func (d *deployment) api(stack awscdk.Stack, functions apiFunctions) {
	api := awsapigatewayv2.NewCfnApi(stack, jsii.String("api"), &awsapigatewayv2.CfnApiProps{
		Name: jsii.String(d.Prefix), ProtocolType: jsii.String("HTTP"), Description: jsii.String("The HTTP API of Reprise")})
	d.stage(stack, api)
	authorize := d.authorizer(stack, api)
	integrations := make(map[string]*string)
	for _, folder := range []string{"load-events", "import-events", "serve-api"} {
		integrations[folder] = integrate(stack, api, folder, functions.byFolder()[folder])
	}
	byGroup := make(map[string][]*string)
	for _, r := range routes() {
		props := &awsapigatewayv2.CfnRouteProps{
			ApiId:    api.Ref(),
			RouteKey: jsii.String(r.key),
			Target:   integrations[r.function],
		}
		authorize(props, r.group)
		awsapigatewayv2.NewCfnRoute(
			stack,
			jsii.String("route "+strings.NewReplacer("/", "-", "{", "", "}", "").Replace(r.key)),
			props,
		)
		byGroup[r.group] = append(byGroup[r.group], routeARN(stack, api, r.key))
	}
	if d.Authorization == "iam" {
		for _, group := range []string{produce, operate, correct, audit, trace, export, approve} {
			d.groupPolicy(stack, group, byGroup[group])
		}
	}
	awscdk.NewCfnOutput(stack, jsii.String("endpoint"), &awscdk.CfnOutputProps{
		Value: api.AttrApiEndpoint(), Description: jsii.String("The address of the HTTP API")})
}

func (d *deployment) stage(stack awscdk.Stack, api awsapigatewayv2.CfnApi) {
	logs := awslogs.NewLogGroup(stack, jsii.String("access-log"), &awslogs.LogGroupProps{
		LogGroupName: jsii.String("/aws/vendedlogs/apis/" + d.Prefix), Retention: retention(d.LogDays),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	awsapigatewayv2.NewCfnStage(stack, jsii.String("stage"), &awsapigatewayv2.CfnStageProps{
		ApiId:      api.Ref(),
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit:  jsii.Number(float64(d.ThrottleRate)),
			ThrottlingBurstLimit: jsii.Number(float64(d.ThrottleBurst)), DetailedMetricsEnabled: jsii.Bool(false)},
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: logs.LogGroupArn(), Format: jsii.String(accessLog)},
	})
}

// authorizer returns a function that sets a route's authorization for a group.
func (d *deployment) authorizer(
	stack awscdk.Stack,
	api awsapigatewayv2.CfnApi,
) func(*awsapigatewayv2.CfnRouteProps, string) {
	if d.Authorization == "iam" {
		return func(props *awsapigatewayv2.CfnRouteProps, _ string) { props.AuthorizationType = jsii.String("AWS_IAM") }
	}
	jwt := awsapigatewayv2.NewCfnAuthorizer(stack, jsii.String("jwt"), &awsapigatewayv2.CfnAuthorizerProps{
		ApiId:          api.Ref(),
		Name:           jsii.String("jwt"),
		AuthorizerType: jsii.String("JWT"),
		IdentitySource: jsii.Strings("$request.header.Authorization"),
		JwtConfiguration: &awsapigatewayv2.CfnAuthorizer_JWTConfigurationProperty{
			Issuer: jsii.String(d.JWTIssuer), Audience: jsii.Strings(d.JWTAudience)},
	})
	return func(props *awsapigatewayv2.CfnRouteProps, group string) {
		props.AuthorizationType, props.AuthorizerId = jsii.String("JWT"), jwt.Ref()
		props.AuthorizationScopes = jsii.Strings(d.Prefix + "/" + group)
	}
}

func integrate(stack awscdk.Stack, api awsapigatewayv2.CfnApi, folder string, f awslambda.Function) *string {
	integration := awsapigatewayv2.NewCfnIntegration(
		stack,
		jsii.String(folder+"-integration"),
		&awsapigatewayv2.CfnIntegrationProps{
			ApiId:                api.Ref(),
			IntegrationType:      jsii.String("AWS_PROXY"),
			IntegrationUri:       f.FunctionArn(),
			PayloadFormatVersion: jsii.String("2.0"),
			TimeoutInMillis:      jsii.Number(30_000),
		},
	)
	awslambda.NewCfnPermission(stack, jsii.String(folder+"-permission"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: f.FunctionName(),
		Principal:    jsii.String("apigateway.amazonaws.com"),
		SourceArn:    apiARN(stack, api, "*"),
	})
	return awscdk.Fn_Join(jsii.String("/"), &[]*string{jsii.String("integrations"), integration.Ref()})
}

// groupPolicy adds the policy of a group, to be attached to the roles of its members.
func (d *deployment) groupPolicy(stack awscdk.Stack, group string, resources []*string) {
	awsiam.NewManagedPolicy(stack, jsii.String(group+"-policy"), &awsiam.ManagedPolicyProps{
		ManagedPolicyName: inRegion(stack, d.Prefix+"-"+group),
		Description:       jsii.String("May call the routes of the group " + group + " of " + d.Prefix),
		Statements:        &[]awsiam.PolicyStatement{allow(actions("execute-api:Invoke"), resources...)},
	})
}

// routeARN is arn:aws:execute-api:REGION:ACCOUNT:API/$default/METHOD/path, with * for
// parameters.
func routeARN(stack awscdk.Stack, api awsapigatewayv2.CfnApi, key string) *string {
	method, path, _ := strings.Cut(key, " ")
	return apiARN(stack, api, "$default/"+method+strings.ReplaceAll(path, "{id}", "*"))
}

func apiARN(stack awscdk.Stack, api awsapigatewayv2.CfnApi, path string) *string {
	return stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String("execute-api"), Resource: api.Ref(),
		ResourceName: jsii.String(path), ArnFormat: awscdk.ArnFormat_SLASH_RESOURCE_NAME})
}
