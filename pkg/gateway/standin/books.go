package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Books are what the stand-in did.
type Books struct {
	// Charged is what each account was charged, in the smallest unit of each currency, less
	// what was refunded.
	Charged map[string]map[string]int64 `json:"charged"`
	// Payments are the charges, and the refunds with less than zero cents, in the order in
	// which they were performed.
	Payments []Payment `json:"payments"`
	// Mails are the mails that were sent, in the order in which they came.
	Mails []Letter `json:"mails"`
	// Deeds are the updates by idempotency key.
	Deeds map[string]Deed `json:"deeds"`
	// Asked counts queries by call, and Unkeyed updates without an idempotency key.
	Asked   map[string]int `json:"asked"`
	Unkeyed int            `json:"unkeyed"`
}

// Payment is a charge or a refund.
type Payment struct {
	Key      string `json:"key"`
	Account  string `json:"account"`
	Cents    int64  `json:"cents"`
	Currency string `json:"currency"`
}

// Letter is a mail that was sent.
type Letter struct {
	Call string          `json:"call"`
	Key  string          `json:"key"`
	Body json.RawMessage `json:"body"`
}

// Deed is how often an update was received, and how often performed.
type Deed struct {
	Call      string `json:"call"`
	Received  int    `json:"received"`
	Performed int    `json:"performed"`
}

// maxDeeds bounds what a stand-in remembers.
const maxDeeds = 200_000

func newBooks() Books {
	return Books{
		Charged: make(map[string]map[string]int64),
		Deeds:   make(map[string]Deed),
		Asked:   make(map[string]int),
	}
}

// Books returns a copy of the books.
func (s *Server) Books() Books {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.books
	b.Charged = make(map[string]map[string]int64, len(s.books.Charged))
	for account, by := range s.books.Charged {
		b.Charged[account] = maps.Clone(by)
	}
	b.Payments, b.Mails = slices.Clone(b.Payments), slices.Clone(b.Mails)
	b.Deeds, b.Asked = maps.Clone(b.Deeds), maps.Clone(b.Asked)
	return b
}

// Performed counts the updates that were performed.
func (b *Books) Performed() int {
	total := 0
	for _, deed := range b.Deeds {
		total += deed.Performed
	}
	return total
}

// request is a call that was received.
type request struct {
	call, key, asOf string
	body            []byte
}

// given is an answer, with what was sent.
type given struct {
	status int
	body   []byte
	sent   []byte
}

func (b *Books) receive(asked *request) {
	switch {
	case asked.call == Rates+"/rate":
		b.Asked[asked.call]++
	case asked.key == "":
		b.Unkeyed++
	default:
		deed := b.Deeds[asked.key]
		deed.Call = asked.call
		deed.Received++
		b.Deeds[asked.key] = deed
	}
}

// perform answers a query, or performs an update unless its key was performed before. An
// answer of 4xx performs nothing.
func (s *Server) perform(asked *request, forgets bool) given {
	if asked.call == Rates+"/rate" {
		return rate(asked)
	}
	if before, seen := s.answers[asked.key]; seen && !forgets && asked.key != "" {
		if !bytes.Equal(before.sent, asked.body) {
			return given{status: http.StatusUnprocessableEntity, body: []byte(`{"error":"the key was used for another body"}`)}
		}
		return before
	}
	if len(s.answers) >= maxDeeds {
		return given{status: http.StatusServiceUnavailable, body: []byte(`{"error":"the books are full"}`)}
	}
	said := s.books.perform(asked)
	said.sent = asked.body
	if said.status == http.StatusOK && asked.key != "" {
		deed := s.books.Deeds[asked.key]
		deed.Performed++
		s.books.Deeds[asked.key] = deed
		s.answers[asked.key] = said
	}
	return said
}

type charge struct {
	Account  string `json:"account"`
	Cents    int64  `json:"cents"`
	Currency string `json:"currency"`
}

func (b *Books) perform(asked *request) given {
	switch asked.call {
	case Payments + "/charge":
		var c charge
		if json.Unmarshal(asked.body, &c) != nil || c.Account == "" || c.Cents <= 0 || c.Currency == "" {
			return given{status: http.StatusUnprocessableEntity, body: []byte(`{"error":"no charge"}`)}
		}
		b.book(Payment{asked.key, c.Account, c.Cents, c.Currency})
	case Payments + "/refund":
		var undo struct{ Body charge }
		if json.Unmarshal(asked.body, &undo) != nil || undo.Body.Account == "" {
			return given{status: http.StatusUnprocessableEntity, body: []byte(`{"error":"no refund"}`)}
		}
		b.book(Payment{asked.key, undo.Body.Account, -undo.Body.Cents, undo.Body.Currency})
	case Mail + "/overdraft":
		b.Mails = append(b.Mails, Letter{asked.call, asked.key, asked.body})
	default:
		return given{status: http.StatusNotFound, body: []byte(`{"error":"no such call"}`)}
	}
	return given{status: http.StatusOK, body: []byte(`{"reference":"` + strconv.Itoa(len(b.Deeds)) + `"}`)}
}

func (b *Books) book(p Payment) {
	if b.Charged[p.Account] == nil {
		b.Charged[p.Account] = make(map[string]int64)
	}
	b.Charged[p.Account][p.Currency] += p.Cents
	b.Payments = append(b.Payments, p)
}

// Rate is what a currency cost in another at a time, in millionths. It is made up, and
// depends on the pair and the day only.
func Rate(from, to string, at time.Time) int64 {
	micros := int64(1_000_000 + 1_000*at.UTC().YearDay())
	for _, letter := range from + to {
		micros += 100 * int64(letter)
	}
	return micros
}

func rate(asked *request) given {
	var pair struct{ From, To string }
	at, err := time.Parse(time.RFC3339Nano, asked.asOf)
	if err != nil || json.Unmarshal(asked.body, &pair) != nil || pair.From == "" || pair.To == "" {
		return given{status: http.StatusUnprocessableEntity, body: []byte(`{"error":"no pair of currencies, or no As-Of"}`)}
	}
	return given{status: http.StatusOK, body: fmt.Appendf(nil, `{"micros":%d}`, Rate(pair.From, pair.To, at))}
}
