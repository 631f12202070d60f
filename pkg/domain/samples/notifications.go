package samples

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"reprise/pkg/gateway"
	"reprise/pkg/projection/dated"
)

// Notifications is a service on accounts. It tells owners by mail when a withdrawal takes
// their balance below zero, and charges a fee for a withdrawal that is paid out in another
// currency (account.withdrawn with a member currency).
func Notifications() gateway.Service { return NotificationsWith(1, Fees()) }

// Fees are the fees for a withdrawal in another currency, in thousandths of its amount:
// 1.5 percent, and 2 percent from the year 2026 on.
func Fees() dated.Value[int64] {
	return dated.Always[int64](15).From(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 20)
}

// NotificationsWith is the service with other fees, and their version.
func NotificationsWith(version int, fees dated.Value[int64]) gateway.Service {
	return &notifications{version, fees}
}

type notifications struct {
	version int
	fees    dated.Value[int64]
}

// Name implements gateway.Service.
func (n *notifications) Name() string { return "notifications" }

// Version implements gateway.Service.
func (n *notifications) Version() int { return n.version }

// Types implements gateway.Service.
func (n *notifications) Types() []string { return []string{"account.withdrawn"} }

// Calls implements gateway.Service.
func (n *notifications) Calls() []gateway.Call {
	return []gateway.Call{sendOverdraft().Call, askRate().Call, charge().Call, refund().Call}
}

// React implements gateway.Service.
func (n *notifications) React(ctx context.Context, r *gateway.Reaction, outside gateway.Gateway) error {
	before, err := account(r.Before)
	if err != nil {
		return err
	}
	after, err := account(r.After)
	if err != nil {
		return err
	}
	var withdrawal struct {
		Amount   int64
		Currency string
	}
	if err := json.Unmarshal([]byte(r.Event.Data), &withdrawal); err != nil {
		return errors.New("data is not that of a withdrawal")
	}
	if before.Balance >= 0 && after.Balance < 0 {
		mail := OverdrawnMail{r.Event.Subject, after.Owner, after.Balance, after.Currency}
		if _, err := sendOverdraft().Do(ctx, outside, "", mail); err != nil {
			return err
		}
	}
	if withdrawal.Currency == "" || withdrawal.Currency == after.Currency {
		return nil
	}
	return n.charge(ctx, r, outside, withdrawal.Amount, Pair{after.Currency, withdrawal.Currency})
}

func account(state json.RawMessage) (a AccountState, err error) {
	if len(state) > 0 && json.Unmarshal(state, &a) != nil {
		err = errors.New("the state is not that of an account")
	}
	if a.Currency == "" {
		a.Currency = DefaultCurrency
	}
	return a, err
}

// charge charges the fee in the currency of the withdrawal, at the rate of its time.
func (n *notifications) charge(
	ctx context.Context, r *gateway.Reaction, outside gateway.Gateway, amount int64, pair Pair,
) error {
	rate, err := askRate().Ask(ctx, outside, "", pair)
	if err != nil {
		return err
	}
	cents, err := fee(amount, n.fees.At(r.At), rate.Micros)
	if err != nil || cents == 0 {
		return err
	}
	_, err = charge().Do(ctx, outside, "", Charge{r.Event.Subject, cents, pair.To})
	return err
}

// fee is a fee in thousandths of an amount, at a rate in millionths, rounded down.
func fee(amount, thousandths, micros int64) (int64, error) {
	if micros <= 0 {
		return 0, errors.New("there is no such rate")
	}
	product := new(big.Int).Mul(big.NewInt(amount), big.NewInt(thousandths))
	product.Mul(product, big.NewInt(micros)).Quo(product, big.NewInt(1_000_000_000))
	if !product.IsInt64() {
		return 0, fmt.Errorf("the fee for %d does not fit", amount)
	}
	return product.Int64(), nil
}
