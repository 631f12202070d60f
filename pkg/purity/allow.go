package purity

import (
	"go/ast"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// allow begins the comment, at the end of a line or on the line before, by which the
// author of the code vouches for what it does. The rest of the comment is the reason,
// which must not be empty.
const allow = "//purity:allow"

// allowances are the lines of a file for which the author vouches. A comment without a
// reason is reported, and allows nothing.
func allowances(pass *analysis.Pass, file *ast.File) map[int]bool {
	lines := make(map[int]bool)
	for _, group := range file.Comments {
		for _, comment := range group.List {
			reason, found := strings.CutPrefix(comment.Text, allow)
			if !found {
				continue
			}
			if strings.TrimSpace(reason) == "" {
				pass.Reportf(comment.Pos(), "%s needs a reason", allow)
				continue
			}
			line := pass.Fset.Position(comment.Pos()).Line
			lines[line], lines[line+1] = true, true
		}
	}
	return lines
}
