// Package consumers gives every generation of the Data Store that follows the
// event stream its own consumer on AWS: an alias of the write-state function with
// the generation's name, and an event source mapping of that alias.
//
// What lives here: aliases and mappings. What must not: deciding which
// generations have a consumer, and of which version.
package consumers
