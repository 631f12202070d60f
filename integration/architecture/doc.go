// Package architecture tests the rules of imports: which packages may import which.
package architecture
