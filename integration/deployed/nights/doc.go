// Package nights verifies a deployment as its schedule does, plants drift into its tables,
// and looks at the metrics of its alarms.
package nights
