// Package catchup watches how a generation's live consumer comes to a cut of the log, and
// tells one that is slow from one that stands still. What the rows must be once it is there
// belongs to package verify.
package catchup
