// Package generations has the commands of reprise generation.
package generations
