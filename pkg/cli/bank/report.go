package bank

import (
	"errors"
	"fmt"
	"io"
	"maps"

	"reprise/pkg/cli/command"
	"reprise/pkg/gateway/standin"
)

// Result is how the story ended.
type Result struct {
	Events   int64 `json:"events"`
	Accounts int   `json:"accounts"`
	// Charges and Mails were performed by the live path.
	Charges int `json:"charges"`
	Mails   int `json:"mails"`
	// Repeated counts updates that came more than once, Twice those that were performed
	// more than once.
	Repeated int `json:"repeated"`
	Twice    int `json:"performedTwice"`
	// ByReplay counts the calls that the replay made, Changed the charges that the corrected
	// service would have sent otherwise, and Otherwise all other differences.
	ByReplay  int64 `json:"calledByReplay"`
	Changed   int64 `json:"changed"`
	Otherwise int64 `json:"otherDifferences"`
	// Undone, Sent and Failed are what became of the approval.
	Undone int64 `json:"undone"`
	Sent   int64 `json:"sent"`
	Failed int64 `json:"failed"`
	// WrongBefore and Right count accounts: those whose fees were wrong before the approval,
	// and those whose fees are right in the end.
	WrongBefore int `json:"wrongBefore"`
	Right       int `json:"right"`
}

// note enters what the live path did.
func (s *story) note(books *standin.Books) {
	s.result.Accounts = accounts
	s.result.Charges, s.result.Mails = len(books.Payments), len(books.Mails)
	s.result.WrongBefore = accounts - s.right(books)
}

// right counts the accounts whose fees are those that are owed.
func (s *story) right(books *standin.Books) (right int) {
	for account, owed := range s.owed.charged {
		if maps.Equal(books.Charged[account], owed) {
			right++
		}
	}
	return right
}

func received(books *standin.Books) (total int) {
	for _, deed := range books.Deeds {
		total += deed.Received
	}
	return total
}

func repeated(books *standin.Books) (total int) {
	for _, deed := range books.Deeds {
		if deed.Received > 1 {
			total++
		}
	}
	return total
}

func (s *story) report(json bool) error {
	books := s.outside.Books()
	s.result.Right, s.result.Repeated = s.right(&books), repeated(&books)
	for _, deed := range books.Deeds {
		if deed.Performed > 1 {
			s.result.Twice++
		}
	}
	if json {
		if err := command.PrintJSON(s.app.Stdout, s.result); err != nil {
			return err
		}
		return s.verdict()
	}
	r := &s.result
	err := command.Table(s.app.Stdout, func(w io.Writer) {
		command.Row(w, "events", r.Events)
		command.Row(w, "fees charged", r.Charges)
		command.Row(w, "mails sent", r.Mails)
		command.Row(w, "calls repeated on the way", r.Repeated)
		command.Row(w, "performed more than once", r.Twice)
		command.Row(w, "accounts with wrong fees", fmt.Sprintf("%d of %d", r.WrongBefore, r.Accounts))
		command.Row(w, "differences found by the replay", r.Changed+r.Otherwise)
		command.Row(w, "sent by the replay", r.ByReplay)
		command.Row(w, "refunded and charged again", fmt.Sprintf("%d and %d", r.Undone, r.Sent))
		command.Row(w, "accounts with right fees now", fmt.Sprintf("%d of %d", r.Right, r.Accounts))
	})
	if err != nil {
		return err
	}
	return s.verdict()
}

var errBooks = errors.New("the books are not as they should be")

// verdict compares the outcome with what is owed.
func (s *story) verdict() error {
	r := &s.result
	wrong := int64(s.owed.wrong)
	if r.Charges == s.owed.charges && r.Mails == s.owed.mails && r.Repeated > 0 && r.Twice == 0 && r.ByReplay == 0 &&
		r.WrongBefore == accounts && r.Changed == wrong && r.Otherwise == 0 && r.Undone == wrong && r.Sent == wrong &&
		r.Failed == 0 && r.Right == accounts {
		return nil
	}
	return command.Hint(errBooks,
		"this is a defect in the platform: please report the output of reprise demo --effects --json")
}
