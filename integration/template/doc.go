// Package template reads what a deployment consists of out of synthesized
// CloudFormation templates: tables, streams, functions with their environment,
// event source mappings, HTTP API routes, rules and state machines, with all
// references between them resolved as a deploy would.
//
// What lives here: the JSON of templates and their intrinsic functions. What
// must not: the CDK, which made them, or anything that is deployed by them. A
// function of CloudFormation that is not known is refused by its name, never
// passed over.
package template
