// Package integration contains scenarios over real parts, each in its own package:
//
//   - crash: the command line as a process that is killed
//   - datasets: real logs, compared with Git
//   - projections: projections that reject events or change
//   - badinput: input that is refused, and odd input that is valid
//   - cloudevents: events as the CloudEvents SDKs and conformance features send them
//   - damage: disks that are full or have lost something
//   - deployed/scenarios, deployed/client, deployed/cost, deployed/deploys: the
//     functions' programs on what the templates describe
//   - simulation: thousands of schedules of crashes, redelivery and deploys
//   - architecture: the rules of imports
//   - figures: the benchmarks of the whole platform
//
// They share these packages: process and programs (running and building the
// module's programs), readback (what a platform stores and sends), deployed (a
// deployment inside a test), lambdahost, template, engines, faultproxy and npm (for
// deployed), and filelock. Only tests import them.
package integration
