package samples

import "reprise/pkg/gateway"

// OverdrawnMail is the body of the call mail/overdraft.
type OverdrawnMail struct {
	Account  string `json:"account"`
	Owner    string `json:"owner"`
	Balance  int64  `json:"balance"`
	Currency string `json:"currency"`
}

// sendOverdraft tells the owner of an account that it is overdrawn. A mail cannot be undone.
func sendOverdraft() gateway.UpdateOf[OverdrawnMail, struct{}] {
	return gateway.UpdateOf[OverdrawnMail, struct{}]{
		Call: gateway.Call{System: "mail", Name: "overdraft", Kind: gateway.Updating},
	}
}
