// Package pebbletest opens all embedded stores of one data directory in memory,
// for tests.
package pebbletest
