package asl

import (
	"strings"

	"reprise/pkg/asl/states"
)

func readMap(f *fields, s *State) {
	m := &MapFields{Processor: &Flow{byName: map[string]*State{}}}
	s.Map = m
	m.Items = f.template("Items")
	if m.Items == nil || (m.Items.expr == nil && !m.Items.isList && !f.parser.refusedAt(s.Name, "Items")) {
		f.refuse("Items", "must be a list or an expression for one")
	}
	readProcessor(f, s)
	m.ItemSelector = f.template("ItemSelector")
	m.MaxConcurrency = f.number("MaxConcurrency", 0, secondsLimit, true)
	m.ToleratedFailurePercentage = f.number("ToleratedFailurePercentage", 0, 100, false)
	m.ToleratedFailureCount = f.number("ToleratedFailureCount", 0, secondsLimit, true)
	readLabel(f, m)
	readBatcher(f, m)
	if !m.Distributed {
		for _, name := range []string{"ToleratedFailurePercentage", "ToleratedFailureCount", "Label", "ItemBatcher"} {
			if _, found := f.object.Get(name); found {
				f.refuse(name, "belongs to a DISTRIBUTED Map")
			}
		}
	}
	readResult(f, s)
	readErrors(f, s)
	readNext(f, s)
}

func readProcessor(f *fields, s *State) {
	sub := f.sub("ItemProcessor")
	if sub == nil {
		f.refuse("ItemProcessor", "is missing")
		return
	}
	if config := sub.sub("ProcessorConfig"); config != nil {
		mode, kind := config.text("Mode"), config.text("ExecutionType")
		s.Map.Distributed = mode == "DISTRIBUTED"
		switch {
		case mode != "" && mode != "INLINE" && mode != "DISTRIBUTED":
			config.refuse("Mode", "must be \"INLINE\" or \"DISTRIBUTED\"")
		case s.Map.Distributed && kind != "STANDARD":
			config.refuse("ExecutionType", "must be \"STANDARD\": express child executions are not supported")
		case !s.Map.Distributed && kind != "":
			config.refuse("ExecutionType", "belongs to Mode DISTRIBUTED")
		}
		config.done()
	}
	s.Map.Processor = f.parser.flow(sub)
	sub.done()
}

func readLabel(f *fields, m *MapFields) {
	m.Label = f.text("Label")
	if m.Label == "" {
		if m.Distributed {
			m.Label = defaultLabel(f.state)
		}
		return
	}
	if len(m.Label) > 40 || !isPlainName(m.Label) {
		f.refuse("Label", "must have at most 40 of the characters 0-9 A-Z a-z _ -")
	}
	if f.parser.labels[m.Label] {
		f.refuse("Label", "appears twice: labels must be unique in the machine")
	}
	f.parser.labels[m.Label] = true
}

func isPlainName(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r > 127 || !isLetter(byte(r)))
	}) < 0
}

// defaultLabel derives a Map's label from its name, as the service does.
func defaultLabel(state string) string {
	var label []byte
	for i := 0; i < len(state) && len(label) < 40; i++ {
		if c := state[i]; isPlainName(string(c)) {
			label = append(label, c)
		}
	}
	if len(label) == 0 {
		return "Map"
	}
	return string(label)
}

func readBatcher(f *fields, m *MapFields) {
	sub := f.sub("ItemBatcher")
	if sub == nil {
		return
	}
	m.Batcher = &Batcher{
		MaxItems:   sub.number("MaxItemsPerBatch", 1, secondsLimit, true),
		MaxBytes:   sub.number("MaxInputBytesPerBatch", 1, states.MaxPayloadBytes, true),
		BatchInput: sub.template("BatchInput"),
	}
	if m.Batcher.MaxItems == nil && m.Batcher.MaxBytes == nil {
		sub.refuse("MaxItemsPerBatch", "an ItemBatcher must have MaxItemsPerBatch, MaxInputBytesPerBatch or both")
	}
	sub.done()
}
