// Package lambdahttp serves an http.Handler as a Lambda function behind an HTTP
// API of API Gateway (payload format 2.0).
//
// What lives here: what API Gateway does to requests and answers, undone. What
// must not: routes, or a rule on what a request may say.
package lambdahttp
