package samples

import (
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// AccountState is the latest state of an account. Amounts are in the smallest
// unit of the currency.
type AccountState struct {
	Owner   string `json:"owner"`
	Open    bool   `json:"open"`
	Balance int64  `json:"balance"`
	// Overdraft is how far below zero a withdrawal may take the balance.
	Overdraft int64 `json:"overdraft,omitempty"`
	// Currency is that of the account, "" for DefaultCurrency.
	Currency string `json:"currency,omitempty"`
}

// DefaultCurrency is that of an account that was opened without naming one.
const DefaultCurrency = "EUR"

// Accounts folds the events of bank accounts: account.opened, which may grant an
// overdraft and name a currency, then account.deposited and account.withdrawn, which
// carry differences, and account.balance.set, which carries the final value.
//
// What was deposited is reversed by a withdrawal, and the other way round. An
// account.balance.set may carry what undoes it, in the member "undo" of its data.
func Accounts() projection.Projection {
	types := []string{"account.opened", "account.deposited", "account.withdrawn", "account.balance.set"}
	return projection.Reversible(projection.New("accounts", 1, types, foldAccount), map[string]projection.Undo{
		"account.deposited":   opposite("account.withdrawn"),
		"account.withdrawn":   opposite("account.deposited"),
		"account.balance.set": projection.Carried("undo"),
	})
}

// opposite undoes a difference by the same amount in the other direction.
func opposite(kind string) projection.Undo {
	return func(_ []byte, e *event.Event) (*event.Inverse, error) {
		var data accountData
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
			return nil, errors.New("data is not that of an account event")
		}
		amount, err := json.Marshal(accountData{Amount: data.Amount})
		return &event.Inverse{Type: kind, Data: amount}, err
	}
}

type accountData struct {
	Owner     string `json:"owner,omitempty"`
	Amount    int64  `json:"amount"`
	Balance   *int64 `json:"balance,omitempty"`
	Overdraft int64  `json:"overdraft,omitempty"`
	Currency  string `json:"currency,omitempty"`
}

func foldAccount(state AccountState, e *event.Event) (AccountState, error) {
	var data accountData
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		return state, errors.New("data is not that of an account event")
	}
	if e.Type == "account.opened" {
		if state.Open {
			return state, errors.New("the account is open already")
		}
		if data.Overdraft < 0 {
			return state, errors.New("the overdraft is less than zero")
		}
		return AccountState{Owner: data.Owner, Open: true, Overdraft: data.Overdraft, Currency: data.Currency}, nil
	}
	if !state.Open {
		return state, errors.New("the account is not open")
	}
	switch e.Type {
	case "account.deposited":
		return deposit(state, data.Amount)
	case "account.withdrawn":
		return withdraw(state, data.Amount)
	default: // account.balance.set
		if data.Balance == nil {
			return state, errors.New("data lacks balance")
		}
		state.Balance = *data.Balance
		return state, nil
	}
}

func deposit(state AccountState, amount int64) (AccountState, error) {
	balance, fits := sum(state.Balance, amount)
	if amount <= 0 || !fits {
		return state, fmt.Errorf("amount %d cannot be deposited", amount)
	}
	state.Balance = balance
	return state, nil
}

func withdraw(state AccountState, amount int64) (AccountState, error) {
	balance, fits := sum(state.Balance, -amount)
	if amount <= 0 || !fits || balance < -state.Overdraft {
		return state, fmt.Errorf("amount %d cannot be withdrawn from %d", amount, state.Balance)
	}
	state.Balance = balance
	return state, nil
}
