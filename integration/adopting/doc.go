// Package adopting tests that a repository with a domain of its own takes upgrades by
// merging, with the commands of .github/ADOPTING.md and real Git.
package adopting
