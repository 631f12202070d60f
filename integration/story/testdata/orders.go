package domain

import (
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// Order is an order of a shop. Amounts are in cents.
type Order struct {
	Customer string `json:"customer"`
	Total    int    `json:"total"`
	Paid     bool   `json:"paid"`
	Shipped  bool   `json:"shipped"`
}

// Orders folds order.placed, order.item-added, order.paid and order.shipped.
func Orders() projection.Projection {
	types := []string{"order.placed", "order.item-added", "order.paid", "order.shipped"}
	return projection.New("orders", 1, types, foldOrder)
}

func foldOrder(order Order, e *event.Event) (Order, error) {
	var data struct {
		Customer string
		Quantity int
		Cents    int
	}
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		return order, errors.New("data is not that of an order's event")
	}
	switch e.Type {
	case "order.placed":
		return Order{Customer: data.Customer}, nil
	case "order.item-added":
		order.Total += data.Cents
		return order, nil
	case "order.paid":
		if data.Cents != order.Total {
			return order, fmt.Errorf("%d cents were paid for items of %d cents", data.Cents, order.Total)
		}
		order.Paid = true
		return order, nil
	default: // order.shipped
		if !order.Paid {
			return order, errors.New("an order was shipped before it was paid")
		}
		order.Shipped = true
		return order, nil
	}
}
