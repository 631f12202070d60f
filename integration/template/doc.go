// Package template reads a deployment from synthesized CloudFormation templates:
// tables, streams, functions with their environment, event source mappings, HTTP
// API routes, rules and state machines. It resolves all references between them as
// a deploy would, and refuses unknown intrinsic functions by name. It knows neither
// the CDK nor how anything is deployed.
package template
