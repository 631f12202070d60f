// Package effects lets a deployment of business logic with effects call a stand-in for
// external systems: killed in the middle, deployed again with a mended fee, compared, and
// approved. The package has tests only.
package effects
