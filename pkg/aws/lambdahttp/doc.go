// Package lambdahttp serves an http.Handler as a Lambda function behind an HTTP
// API of API Gateway (payload format 2.0).
//
// What lives here: undoing what API Gateway does to requests and answers. What must
// not: routes, or rules on requests.
package lambdahttp
