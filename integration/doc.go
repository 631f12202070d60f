// Package integration holds scenarios over real parts, a package for each:
//
//   - crash: the command line as a process that is killed
//   - datasets: real logs, judged by Git
//   - projections: projections that reject events or change
//   - badinput: what is refused, and odd input that is not
//   - damage: disks that are full or have lost something
//   - deployed/console, deployed/cost, deployed/deploys, deployed/faults: the
//     functions' programs on what the templates describe
//   - simulation: thousands of schedules of crashes, redelivery and deploys
//   - architecture: the rules of imports
//   - figures: the benchmarks of the whole platform
//
// What they are built from stands beside them: process and programs (running and
// building the module's programs), readback (what a platform holds and sends),
// deployed (a deployment inside a test), lambdahost, template, engines,
// faultproxy and npm (what a deployment needs), and filelock.
//
// What lives here: this list. What must not: code. Nothing outside of tests
// imports a package below.
package integration
