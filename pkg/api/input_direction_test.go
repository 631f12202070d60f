package api_test

// directionCases have characters that reorder the text around them where it is shown.
func directionCases() []inputCase {
	var all []inputCase
	for _, name := range []string{"id", "source", "type", "subject"} {
		all = append(all,
			same("an override in "+name, name, name, `"/a\u202eb"`).forNew(),
			same("an isolate in "+name, name, name, `"/a\u2066b\u2069"`).forNew(),
		)
	}
	return append(all,
		same("a mark of right-to-left text", accepted, "subject", `"\u200fשלום"`),
		same("an override in an extension", accepted, "note", `"a\u202eb"`),
		same("an override in data", accepted, "data", `"a\u202eb"`),
	)
}
