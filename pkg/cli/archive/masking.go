package archive

import (
	"bytes"
	"flag"
	"fmt"
	"io"

	"reprise/pkg/archive"
	"reprise/pkg/archive/mask"
	"reprise/pkg/cli/command"
)

// maskFlags say how to mask.
type maskFlags struct{ rules, key string }

func (f *maskFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.rules, "mask", "", "`FILE` with the rules by which personal fields are masked")
	fs.StringVar(&f.key, "mask-key", "", "`FILE` with the secret key of masking, at least 16 bytes")
}

// maxRules bounds a file of rules, and of a key.
const maxRules = 4 << 20

// load reads the rules and the key. All is nil if nothing is to be masked.
func (f *maskFlags) load(a *command.App) (func([]byte) ([]byte, error), *archive.Masked, error) {
	switch {
	case f.rules == "" && f.key == "":
		return nil, nil, nil
	case f.key == "":
		return nil, nil, command.Misuse("--mask needs --mask-key: a file with a secret of at least %d bytes",
			mask.MinKeyBytes)
	case f.rules == "":
		return nil, nil, command.Misuse("--mask-key needs --mask: a file with rules")
	}
	text, err := readFile(a, f.rules)
	if err != nil {
		return nil, nil, err
	}
	key, err := readFile(a, f.key)
	if err != nil {
		return nil, nil, err
	}
	rules, err := mask.Parse(text)
	if err != nil {
		return nil, nil, command.Misuse("%s: %v", f.rules, err)
	}
	m, err := mask.New(rules, bytes.TrimRight(key, "\r\n"))
	if err != nil {
		return nil, nil, command.Misuse("%s: %v", f.key, err)
	}
	return m.Mask, &archive.Masked{Rules: m.RulesSum(), Key: m.KeyCheck(), Entities: m.Entities()}, nil
}

func readFile(a *command.App, name string) ([]byte, error) {
	file, err := a.Open(name)
	if err != nil {
		return nil, command.Misuse("%v", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxRules))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}
