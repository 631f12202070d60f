// Package erasures serves the route that erases a data subject over HTTP.
//
// It reads the request, says who asks, and answers. What an erasure does is package
// personal's.
package erasures
