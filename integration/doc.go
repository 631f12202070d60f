// Package integration contains scenarios over real parts, each in its own package:
//
//   - story: a bug in a team's own domain, and the way from its discovery to right states
//   - crash: the command line as a process that is killed
//   - powercut: a whole platform whose disk is taken away at any write
//   - datasets: real logs, compared with Git
//   - projections: projections that reject events or change
//   - badinput: input that is refused, and odd input that is valid
//   - cloudevents: events as the CloudEvents SDKs and conformance features send them
//   - damage: disks that are full or have lost something
//   - outside: external systems, each update of which happens once in effect
//   - erasure: every byte that is left of an erased person
//   - console: the web pages in a browser
//   - runbooks, adopting: what operators and teams are told to do, done
//   - deployed/scenarios, deployed/client, deployed/cost, deployed/deploys: the
//     functions' programs on what the templates describe
//   - simulation: thousands of schedules of crashes, redelivery and deploys
//   - architecture: the rules of imports
//   - figures: the benchmarks of the whole platform
//
// They share these packages: process and programs (running and building the
// module's programs), readback (what a platform stores and sends), deployed (a
// deployment inside a test), lambdahost, template, engines, faultproxy, keyservice,
// permissions and npm (for deployed), and filelock. Only tests import them.
package integration
