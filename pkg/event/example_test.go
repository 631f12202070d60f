package event_test

import (
	"errors"
	"fmt"

	"reprise/pkg/event"
)

func ExampleParse() {
	e, err := event.Parse(`{
		"specversion": "1.0",
		"id": "1", "source": "/teller/7",
		"type": "deposited", "subject": "account-7",
		"data": {"amount": 1250}
	}`)
	fmt.Println(err)
	fmt.Println(string(e.AppendJSON(nil)))

	_, err = event.Parse(`{"specversion": "1.0", "id": "2", "source": "/bank/teller/7", "type": "deposited"}`)
	if bad, ok := errors.AsType[*event.Invalid](err); ok {
		fmt.Printf("%s %s\n", bad.Attribute, bad.Problem)
	}
	// Output:
	// <nil>
	// {"specversion":"1.0","id":"1","source":"/teller/7","type":"deposited","subject":"account-7","data":{"amount":1250}}
	// subject is required and must not be empty
}

func ExampleParseBatch() {
	batch := `[
		{"specversion": "1.0", "id": "1", "source": "/s", "type": "account.opened", "subject": "a"},
		{"specversion": "1.0", "id": "2", "source": "/s", "type": "account.opened"}
	]`
	err := event.ParseBatch(batch, func(index int, e event.Event, err error) error {
		fmt.Println(index, e.ID, err)
		return nil // go on, to name all that is wrong
	})
	fmt.Println(err)
	// Output:
	// 0 1 <nil>
	// 1  invalid event: subject: is required and must not be empty
	// <nil>
}

func ExampleLanes() {
	lanes, err := event.NewLanes(64)
	if err != nil {
		fmt.Println(err)
		return
	}
	lane := lanes.Of("account-000042")
	key := lanes.Key(lane) // the partition key of the lane's records
	back, err := lanes.ParseKey(key)
	fmt.Println(lane, key, back, err)
	// Output:
	// 0015 0015-72 0015 <nil>
}

func ExampleSortKey() {
	at, err := event.NewPosition(1, "42", 0)
	fmt.Println(event.SortKey("order#7", at), err)
	// Output:
	// order%237#0001-0242-0000 <nil>
}
