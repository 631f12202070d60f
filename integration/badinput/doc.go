// Package badinput contains scenarios of invalid events, requests, replay names and
// data directories, and of input that looks odd but is valid. It tests that a
// refusal says why and changes nothing; each parser's own tests say what it refuses.
package badinput
