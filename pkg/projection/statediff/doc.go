// Package statediff compares two states of an entity field by field.
//
// It knows JSON and nothing of what a state means, nor which of two states is right.
// Library comparisons of JSON align arrays at a cost that grows with the product of
// their lengths; this one compares element by element, so that no state, however large,
// takes more time or memory than reading it.
package statediff
