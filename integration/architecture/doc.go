// Package architecture has the rules of imports: which packages may know which.
//
// What lives here: rules about the module as go list shows it. What must not:
// rules that a package can check of itself.
package architecture
