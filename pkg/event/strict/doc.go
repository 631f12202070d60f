// Package strict decodes the JSON object of a request exactly as it was sent, or
// refuses it and says which member is at fault. The standard decoder is kinder:
// it folds the case of names, lets the last of two members win, puts U+FFFD for
// what is not Unicode and stops where the object ends, and each of these makes a
// request mean something else than its sender wrote.
//
// What lives here: that decoder. What must not: any request, or its rules.
package strict
