// Package personal runs a deployment in which fields are declared personal: the functions'
// own binaries seal, reveal and erase, with the table and the permissions of the templates.
package personal
