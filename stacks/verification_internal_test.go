package stacks

import "testing"

// The schedule starts what the settings say.
func TestTheScheduleSaysWhatToVerify(t *testing.T) {
	for want, c := range map[string]Config{
		`{}`:                              {VerifyDepth: "fold"},
		`{"depth":"rebuild"}`:             {VerifyDepth: "rebuild"},
		`{"budget":{"readUnits":400000}}`: {VerifyDepth: "fold", VerifyBudget: "400000ru"},
		`{"depth":"rebuild","budget":{"dollars":2.50}}`: {VerifyDepth: "rebuild", VerifyBudget: "2.50usd"},
	} {
		if got := c.verifyInput(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
