// Package console serves the web pages on which operators watch and steer a platform.
//
// What lives here: the pages, their assets, and the first view of each page, which a
// browser without script can read. What must not: anything that decides; the pages show
// what the HTTP API answers and call nothing else.
package console
