// Package npm gives tests the npm modules of .ci/node at the versions of its lock
// file: engines that speak the protocols of AWS, and programs that the project is
// compared with. The first test that needs them installs them.
//
// Without node, or if the installation fails, tests are skipped; with CI=true they
// fail.
package npm
