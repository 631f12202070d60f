// Package npm gives tests the npm modules of .ci/node at the versions of its
// lock file: engines that speak the protocols of AWS, and programs that the
// project is compared with.
//
// What lives here: installing them once, whichever test comes first, and
// finding them. What must not: anything about a certain module.
//
// Without node, or where nothing can be installed, tests skip and say so; with
// CI=true they fail.
package npm
