package samples

import "reprise/pkg/gateway"

// Charge is the body of the call payments/charge. The amount is in the smallest unit of the
// currency.
type Charge struct {
	Account  string `json:"account"`
	Cents    int64  `json:"cents"`
	Currency string `json:"currency"`
}

// Receipt is the answer to payments/charge.
type Receipt struct {
	Reference string `json:"reference"`
}

// charge takes money.
func charge() gateway.UpdateOf[Charge, Receipt] {
	return gateway.UpdateOf[Charge, Receipt]{
		Call: gateway.Call{System: "payments", Name: "charge", Kind: gateway.Updating, Compensation: "refund"},
	}
}

// refund gives back what a charge took.
func refund() gateway.UpdateOf[gateway.Compensated, struct{}] {
	return gateway.UpdateOf[gateway.Compensated, struct{}]{
		Call: gateway.Call{System: "payments", Name: "refund", Kind: gateway.Updating},
	}
}
