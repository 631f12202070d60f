//go:build !race

package projection_test

const raced = false
