// Package record packs events of one lane into a stream's record and unpacks
// them: a header line and one CloudEvents line per event, as JSON Lines,
// compressed with zstd if that is smaller. FORMAT.md describes the format for
// subscribers in any language. Streams themselves are package feed.
package record
