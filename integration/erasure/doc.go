// Package erasure erases data subjects on a platform that runs as a process, kills it
// meanwhile, and searches every byte that is left for what was erased.
package erasure
