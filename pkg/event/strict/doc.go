// Package strict decodes the JSON object of a request exactly as it was sent, or
// refuses it and names the member at fault. The standard decoder is more lenient:
// it ignores the case of names, uses the last of two equal members, replaces
// invalid Unicode with U+FFFD, and may ignore text after the object. Each of these
// can change what a request means.
package strict
