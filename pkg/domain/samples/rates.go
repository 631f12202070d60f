package samples

import "reprise/pkg/gateway"

// Pair is the body of the query rates/rate: what one unit of a currency cost in another.
type Pair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Rate is the answer to rates/rate, in millionths.
type Rate struct {
	Micros int64 `json:"micros"`
}

// askRate can be asked about the past, so a replay can do without a recorded answer.
func askRate() gateway.QueryOf[Pair, Rate] {
	return gateway.QueryOf[Pair, Rate]{
		Call: gateway.Call{System: "rates", Name: "rate", Kind: gateway.Asking, AsOf: true},
	}
}
