package command

import (
	"bufio"
	"strings"
)

// Approved reads whether somebody approves of what was announced, by a line with "yes". It
// returns declined for any other line, and a misuse where there is nobody to ask.
func (a *App) Approved(what string, declined error) error {
	answer, err := bufio.NewReader(a.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		return Misuse("%s has to be approved: confirm with --yes", what)
	}
	return declined
}
