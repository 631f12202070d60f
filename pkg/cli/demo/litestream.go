package demo

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
)

//go:embed data/litestream.jsonl.gz
var litestreamLog []byte

//go:embed data/litestream.truth.json
var litestreamTruth []byte

// Litestream returns the log of the Litestream repository as CloudEvents, one per
// line.
func Litestream() (io.ReadCloser, error) {
	lines, err := gzip.NewReader(bytes.NewReader(litestreamLog))
	if err != nil {
		return nil, fmt.Errorf("open the Litestream log: %w", err)
	}
	return lines, nil
}

// Truth is the line count of every text file in the last commit, by path, as Git
// computed it.
type Truth map[string]int64

// LitestreamTruth returns the truth of the Litestream log.
func LitestreamTruth() (Truth, error) { return ParseTruth(litestreamTruth) }

// ParseTruth reads a truth file.
func ParseTruth(raw []byte) (Truth, error) {
	var truth Truth
	if err := json.Unmarshal(raw, &truth); err != nil {
		return nil, fmt.Errorf("decode truth: %w", err)
	}
	return truth, nil
}

// Agrees reports whether a file's state has the line count of Git: 0 for a file
// that no longer exists or is not text.
func (t Truth) Agrees(path string, state []byte) bool {
	var file struct {
		Lines *int64 `json:"lines"`
	}
	return json.Unmarshal(state, &file) == nil && file.Lines != nil && *file.Lines == t[path]
}
