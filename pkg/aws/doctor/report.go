package doctor

import "slices"

// Level says how much a finding matters.
type Level string

// The levels.
const (
	// Fine: nothing to do.
	Fine Level = "fine"
	// Note: it works, and somebody should know.
	Note Level = "note"
	// Mend: it does not work, or a promise of the platform does not hold.
	Mend Level = "mend"
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level `json:"level"`
	// Subject is what was looked at, Says what was seen.
	Subject string `json:"subject"`
	Says    string `json:"says"`
	// Do is what to do about it, "" where all is fine.
	Do string `json:"do,omitempty"`
}

// Report is a whole examination.
type Report struct {
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	Prefix   string    `json:"prefix"`
	Deployed bool      `json:"deployed"`
	Findings []Finding `json:"findings"`
}

// Sound reports that nothing must be mended.
func (r *Report) Sound() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Mend })
}

func (r *Report) add(level Level, subject, says, do string) {
	r.Findings = append(r.Findings, Finding{level, subject, says, do})
}

// unread says that something could not be read, which is no proof that it is
// wrong; but nobody may take it for sound.
func (r *Report) unread(subject string, err error) {
	r.add(Mend, subject, "could not be read: "+err.Error(), "let these credentials read it, or try again")
}

// expect adds what is wrong, or that nothing is.
func (r *Report) expect(subject, fine, do string, wrong []string) {
	if len(wrong) == 0 {
		r.add(Fine, subject, fine, "")
	}
	for _, says := range wrong {
		r.add(Mend, subject, says, do)
	}
}
