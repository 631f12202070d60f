package doctor

import "slices"

// Level says how much a finding matters.
type Level string

// The levels.
const (
	// Fine: nothing to do.
	Fine Level = "fine"
	// Note: it works, but somebody should know.
	Note Level = "note"
	// Mend: it does not work, or a promise of the platform does not hold.
	Mend Level = "mend"
)

// Finding is the result for one subject.
type Finding struct {
	Level Level `json:"level"`
	// Subject is what was examined, Says what was found.
	Subject string `json:"subject"`
	Says    string `json:"says"`
	// Do says what to do, "" if all is fine.
	Do string `json:"do,omitempty"`
}

// Report is the result of an examination.
type Report struct {
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	Prefix   string    `json:"prefix"`
	Deployed bool      `json:"deployed"`
	Findings []Finding `json:"findings"`
}

// Sound reports whether no finding is at level Mend.
func (r *Report) Sound() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Mend })
}

func (r *Report) add(level Level, subject, says, do string) {
	r.Findings = append(r.Findings, Finding{level, subject, says, do})
}

// unread adds that something could not be read. It may be fine, but nobody may assume
// so.
func (r *Report) unread(subject string, err error) {
	r.add(Mend, subject, "could not be read: "+err.Error(), "allow these credentials to read it, or try again")
}

// expect adds a finding for everything wrong, or one that says that all is fine.
func (r *Report) expect(subject, fine, do string, wrong []string) {
	if len(wrong) == 0 {
		r.add(Fine, subject, fine, "")
	}
	for _, says := range wrong {
		r.add(Mend, subject, says, do)
	}
}
