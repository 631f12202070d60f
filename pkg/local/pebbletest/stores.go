package pebbletest

import (
	"time"

	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/eventlogpebble"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore/localstoretest"
)

// Stores are the embedded stores of one directory.
type Stores struct {
	Table       *controlpebble.Table
	Generations *datastorepebble.Generations
	Log         *eventlogpebble.Log
	Streams     *feedpebble.Streams
	// Effects is the table of the effects log.
	Effects *controlpebble.Table
}

// Open opens empty stores in memory, until the end of the test.
func Open(t localstoretest.T) *Stores {
	t.Helper()
	return On(t, localstoretest.Open(t))
}

// On opens the stores of a directory.
func On(t localstoretest.T, db *localstoretest.Store) *Stores {
	t.Helper()
	table, err := controlpebble.New(db.Space("control"))
	if err != nil {
		t.Fatal(err)
	}
	generations, err := datastorepebble.New(db.Space("datastore"))
	if err != nil {
		t.Fatal(err)
	}
	streams, err := feedpebble.New(db.Space("feed"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	effects, err := controlpebble.New(db.Space("effects"))
	if err != nil {
		t.Fatal(err)
	}
	return &Stores{table, generations, eventlogpebble.New(db.Space("eventlog")), streams, effects}
}
