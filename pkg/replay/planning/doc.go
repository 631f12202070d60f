// Package planning freezes the cut of a replay and divides it: lanes into groups and time
// into slices, by the weights that manifests give. It moves the cut of a rebuild that has
// to catch up, and previews a replay without storing anything.
//
// The documents that it makes, and how they are stored, are those of package replay. It
// reads heads, manifests and the buckets of single entities, and never an event.
package planning
