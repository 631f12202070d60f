// Package polling says how long to wait between looks at something that another
// process changes.
package polling
