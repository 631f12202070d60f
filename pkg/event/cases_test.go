package event_test

import (
	"slices"
	"strings"
)

// made writes an event with the five required attributes. The given members (name,
// JSON text) replace or follow them; "-" removes one. A name may be given twice.
func made(members ...string) string {
	base := []string{"specversion", `"1.0"`, "id", `"1"`, "source", `"/s"`, "type", `"t.happened"`, "subject", `"e"`}
	var b strings.Builder
	write := func(name, value string) {
		if value == "-" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":` + value)
	}
	for i := 0; i < len(base); i += 2 {
		if given := slices.Index(members, base[i]); given < 0 || given%2 == 1 {
			write(base[i], base[i+1])
		}
	}
	for i := 0; i < len(members); i += 2 {
		write(members[i], members[i+1])
	}
	return "{" + b.String() + "}"
}

func quoted(s string) string { return `"` + s + `"` }

func long(c string, n int) string { return quoted(strings.Repeat(c, n)) }

// verdict is the expected result of Parse for a text: want is part of its error, "" if
// the event is accepted. If the CloudEvents SDK decides otherwise, sdk says why we
// differ.
type verdict struct{ name, text, want, sdk string }

// Reasons why we differ from the SDK.
const (
	sdkTwice     = "the SDK uses one of two values, depending on their order; readers would disagree about the event"
	sdkNull      = "the SDK reads null as the empty text; the JSON format calls it an absent attribute, which ours is then"
	sdkEmpty     = "the SDK reads an empty optional attribute as absent; the specification wants it absent or not empty"
	sdkSubject   = "for CloudEvents the subject is optional; here an event is about an entity"
	sdkText      = "the SDK does not check the String type of CloudEvents: no control characters, no noncharacters"
	sdkSurrogate = "the SDK turns a lone surrogate into U+FFFD, so two ids would become one"
	sdkLimit     = "the SDK has no limits; the log has"
	sdkReserved  = "names of this platform; for the SDK an extension as any other"
	sdkFloat     = "the SDK cuts a fraction off and reads exponents; the JSON format allows the integer's digits only"
	sdkName      = "the SDK folds the case of extension names; the specification allows a to z and 0 to 9"
	sdkTime      = "the SDK reads what time.Parse does, which is more than RFC 3339"
	sdkBlank     = "the SDK refuses attributes of blanks only; the specification wants them not empty"
	sdkHost      = "the SDK parses the authority of a source with net/url, whose rules change; we check the outer form"
	sdkSchema    = "the SDK drops a dataschema that it cannot read; that would lose an attribute"
	sdkQuery     = "the SDK checks percent escapes in the path and fragment only; RFC 3986 wants them whole everywhere"
	sdkMedia     = "the SDK reads a media type without a subtype; RFC 2046 wants type/subtype"
	sdkParameter = "the SDK refuses a parameter given twice; the grammar of RFC 2045 does not"
	sdkBoth      = "the SDK lets the last of data and data_base64 win; the JSON format forbids both"
	sdkBase64    = "the SDK takes the first and last byte of any value for its quotes"
	sdkNameEmpty = "the SDK takes an empty name for the end of the object and drops what follows"
	sdkNumber    = "the SDK refuses numbers beyond float64; JSON knows no such limit, and ours are kept as text"
	sdkNonJSON   = "the SDK requires a string if datacontenttype is not JSON; the JSON format allows any value"
	sdkDepth     = "the SDK reads any nesting up to Go's own limit; ours is bounded at 200"
	sdkEscaped   = "the SDK compares raw text if data_base64 precedes datacontenttype; an escaped slash is the same JSON"
)

var verdicts = slices.Concat(requiredVerdicts, optionalVerdicts, textVerdicts, extensionVerdicts, dataVerdicts,
	syntaxVerdicts)

var requiredVerdicts = []verdict{
	{"smallest", made(), "", ""},
	{"any order", `{"subject":"e","type":"t","source":"/s","id":"1","specversion":"1.0"}`, "", ""},
	{"no specversion", made("specversion", "-"), "specversion: is required", ""},
	{"null specversion", made("specversion", "null"), `specversion: is "";`, ""},
	{"empty specversion", made("specversion", `""`), "specversion: must not be empty", ""},
	{"number specversion", made("specversion", "1.0"), "specversion: must be a string", ""},
	{"specversion 0.3", made("specversion", `"0.3"`), "specversion: is \"0.3\"", "the SDK reads version 0.3 still"},
	{"specversion 1.1", made("specversion", `"1.1"`), "specversion: is \"1.1\"", ""},
	{"specversion 1", made("specversion", `"1"`), "specversion: is \"1\"", ""},
	{"escaped specversion", made("specversion", `"\u0031.0"`), "", ""},
	{"no id", made("id", "-"), "id: is required", ""},
	{"null id", made("id", "null"), "id: is required", ""},
	{"empty id", made("id", `""`), "id: must not be empty", ""},
	{"blank id", made("id", `" "`), "", sdkBlank},
	{"number id", made("id", "7"), "id: must be a string", ""},
	{"object id", made("id", "{}"), "id: must be a string", ""},
	{"array id", made("id", `["1"]`), "id: must be a string", ""},
	{"true id", made("id", "true"), "id: must be a string", ""},
	{"id twice", made("id", `"1"`, "id", `"1"`), "id: is given twice", sdkTwice},
	{"id twice, escaped name", made("id", `"1"`, `i\u0064`, `"2"`), "id: is given twice", sdkTwice},
	{"id twice, null first", made("id", `null`, "id", `"1"`), "id: is given twice", sdkTwice},
	{"id in capitals", made("ID", `"1"`), "ID: is not an attribute name", ""},
	{"no source", made("source", "-"), "source: is required", ""},
	{"null source", made("source", "null"), "source: is required", ""},
	{"empty source", made("source", `""`), "source: must not be empty", ""},
	{"source twice", made("source", `"/s"`, "source", `"/s"`), "source: is given twice", sdkTwice},
	{"source URL", made("source", `"https://example.com:8080/a?b=c#d"`), "", ""},
	{"source URN", made("source", `"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"`), "", ""},
	{"source name", made("source", `"teller"`), "", ""},
	{"source umlaut", made("source", `"/größe"`), "", ""},
	{"source blank inside", made("source", `"/a b"`), "", ""},
	{"source bad escape", made("source", `"/a%zz"`), "source: must be a URI reference", ""},
	{"source half escape", made("source", `"/a%0g"`), "source: must be a URI reference", ""},
	{"source other half escape", made("source", `"/a%g0"`), "source: must be a URI reference", ""},
	{"source cut escape", made("source", `"/a%2"`), "source: must be a URI reference", ""},
	{"source bad escape in query", made("source", `"/a?%zz"`), "source: must be a URI reference", sdkQuery},
	{"source without scheme", made("source", `":a"`), "source: must be a URI reference", ""},
	{"source bad scheme", made("source", `"1a:b"`), "source: must be a URI reference", ""},
	{"source colon later", made("source", `"a/b:c"`), "", ""},
	{"source bad port", made("source", `"http://h:port/"`), "", sdkHost},
	{"source open bracket", made("source", `"http://[::1/"`), "", sdkHost},
	{"source empty fragment", made("source", `"#"`), "", sdkHost},
	{"no type", made("type", "-"), "type: is required", ""},
	{"null type", made("type", "null"), "type: is required", ""},
	{"empty type", made("type", `""`), "type: must not be empty", ""},
	{"type twice", made("type", `"t"`, "type", `"t"`), "type: is given twice", sdkTwice},
	{"no subject", made("subject", "-"), "subject: is required", sdkSubject},
	{"null subject", made("subject", "null"), "subject: is required", sdkSubject},
	{"empty subject", made("subject", `""`), "subject: must not be empty", sdkSubject},
	{"subject twice", made("subject", `"e"`, "subject", `"e"`), "subject: is given twice", sdkTwice},
	{"subject with # / %", made("subject", `"a#b/c%d"`), "", ""},
	{"subject emoji", made("subject", `"👩‍🚀-\ud83d\ude80"`), "", ""},
	{"subject at limit", made("subject", long("x", 768)), "", ""},
	{"subject over limit", made("subject", long("x", 769)), "subject: takes 769 bytes in a key", sdkLimit},
	{"subject 2 KB", made("subject", long("x", 2048)), "subject: takes 2048 bytes in a key", sdkLimit},
	{"escaped subject at limit", made("subject", long("#", 256)), "", ""},
	{"escaped subject over limit", made("subject", long("%", 257)), "subject: takes 771 bytes in a key", sdkLimit},
	{"id 2 KB", made("id", long("x", 2048)), "", ""},
	{"id at limit", made("id", long("x", 8192-len("/st.happenede"))), "", ""},
	{"id over limit", made("id", long("x", 8193-len("/st.happenede"))), "attributes take more than 8192", sdkLimit},
}

var optionalVerdicts = []verdict{
	{"time Z", made("time", `"2026-03-01T09:30:00Z"`), "", ""},
	{"time nanoseconds", made("time", `"2026-03-01T09:30:00.123456789Z"`), "", ""},
	{"time long fraction", made("time", `"2026-03-01T09:30:00.1234567890123Z"`), "", ""},
	{"time offset", made("time", `"2026-03-01T09:30:00+05:45"`), "", ""},
	{"time unknown offset", made("time", `"2026-03-01T09:30:00-00:00"`), "", ""},
	{"time largest offset", made("time", `"2026-03-01T09:30:00-23:59"`), "", ""},
	{"time leap day", made("time", `"2028-02-29T00:00:00Z"`), "", ""},
	{"time no leap day", made("time", `"2026-02-29T00:00:00Z"`), "time: must be", ""},
	{"time year 0", made("time", `"0000-01-01T00:00:00Z"`), "", ""},
	{"time year 9999", made("time", `"9999-12-31T23:59:59Z"`), "", ""},
	{"time five-digit year", made("time", `"12026-01-01T00:00:00Z"`), "time: must be", ""},
	{"time two-digit year", made("time", `"26-01-01T00:00:00Z"`), "time: must be", ""},
	{"time negative year", made("time", `"-0001-01-01T00:00:00Z"`), "time: must be", ""},
	{"time leap second", made("time", `"2016-12-31T23:59:60Z"`), "time: must be", ""},
	{"time hour 24", made("time", `"2026-03-01T24:00:00Z"`), "time: must be", ""},
	{"time small t", made("time", `"2026-03-01t09:30:00Z"`), "time: must be", ""},
	{"time small z", made("time", `"2026-03-01T09:30:00z"`), "time: must be", ""},
	{"time blank for T", made("time", `"2026-03-01 09:30:00Z"`), "time: must be", ""},
	{"time comma", made("time", `"2026-03-01T09:30:00,5Z"`), "time: must be", sdkTime},
	{"time point without digits", made("time", `"2026-03-01T09:30:00.Z"`), "time: must be", ""},
	{"time hour of one digit", made("time", `"2026-03-01T9:30:00Z"`), "time: must be", sdkTime},
	{"time no offset", made("time", `"2026-03-01T09:30:00"`), "time: must be", ""},
	{"time offset without colon", made("time", `"2026-03-01T09:30:00+0100"`), "time: must be", ""},
	{"time offset 24:00", made("time", `"2026-03-01T09:30:00+24:00"`), "time: must be", sdkTime},
	{"time offset 01:60", made("time", `"2026-03-01T09:30:00+01:60"`), "time: must be", sdkTime},
	{"time offset of hours", made("time", `"2026-03-01T09:30:00+01"`), "time: must be", ""},
	{"time without seconds", made("time", `"2026-03-01T09:30Z"`), "time: must be", ""},
	{"time date only", made("time", `"2026-03-01"`), "time: must be", ""},
	{"time blank before", made("time", `" 2026-03-01T09:30:00Z"`), "time: must be", ""},
	{"time newline after", made("time", `"2026-03-01T09:30:00Z\n"`), "time: must be", ""},
	{"time number", made("time", "1772357400"), "time: must be a string", ""},
	{"time empty", made("time", `""`), "time: must not be empty", sdkEmpty},
	{"time null", made("time", "null"), "", ""},
	{"time twice", made("time", `"2026-03-01T09:30:00Z"`, "time", `"2026-03-01T09:30:00Z"`), "time: is given twice",
		sdkTwice},
	{"content type", made("datacontenttype", `"application/json"`, "data", "1"), "", ""},
	{"content type parameters", made("datacontenttype", `"text/plain; charset=utf-8; a=\"b \\\"; c\""`), "", ""},
	{"content type last semicolon", made("datacontenttype", `"text/plain;"`), "", ""},
	{"content type +json", made("datacontenttype", `"application/vnd.a.b+json"`, "data", "{}"), "", sdkNonJSON},
	{"content type no subtype", made("datacontenttype", `"json"`), "datacontenttype: must be a media type", sdkMedia},
	{"content type slash only", made("datacontenttype", `"/"`), "datacontenttype: must be a media type", ""},
	{"content type two slashes", made("datacontenttype", `"a/b/c"`), "datacontenttype: must be a media type", ""},
	{"content type no value", made("datacontenttype", `"a/b; c"`), "datacontenttype: must be a media type", ""},
	{"content type empty value", made("datacontenttype", `"a/b; c="`), "datacontenttype: must be a media type", ""},
	{"content type open quote", made("datacontenttype", `"a/b; c=\"d"`), "datacontenttype: must be a media type", ""},
	{"content type no semicolon", made("datacontenttype", `"a/b c"`), "datacontenttype: must be a media type", ""},
	{"content type parameter twice", made("datacontenttype", `"a/b; c=d; c=e"`), "", sdkParameter},
	{"content type empty", made("datacontenttype", `""`), "datacontenttype: must not be empty", ""},
	{"content type null", made("datacontenttype", "null"), "", sdkNull},
	{"content type number", made("datacontenttype", "1"), "datacontenttype: must be a string", ""},
	{"content type twice", made("datacontenttype", `"a/b"`, "datacontenttype", `"a/b"`),
		"datacontenttype: is given twice", ""},
	{"schema", made("dataschema", `"https://example.com/schema#v1"`), "", ""},
	{"schema URN", made("dataschema", `"urn:schema:1"`), "", ""},
	{"schema relative", made("dataschema", `"/schema"`), "dataschema: must be an absolute URI", ""},
	{"schema bad escape", made("dataschema", `"a:/%"`), "dataschema: must be an absolute URI", sdkSchema},
	{"schema bad scheme", made("dataschema", `":b"`), "dataschema: must be an absolute URI", sdkSchema},
	{"schema empty", made("dataschema", `""`), "dataschema: must not be empty", sdkEmpty},
	{"schema null", made("dataschema", "null"), "", ""},
	{"schema array", made("dataschema", "[]"), "dataschema: must be a string", ""},
	{"schema twice", made("dataschema", `"a:b"`, "dataschema", `"a:b"`), "dataschema: is given twice", sdkTwice},
}

var textVerdicts = []verdict{
	{"raw control character", made("id", "\"a\x01\""), "not valid JSON", ""},
	{"raw newline", made("id", "\"a\n\""), "not valid JSON", ""},
	{"raw DEL", made("id", "\"a\x7f\""), "id: has the control character U+007F", sdkText},
	{"raw NEL", made("id", "\"a\u0085\""), "id: has the control character U+0085", sdkText},
	{"noncharacter", made("type", "\"a\uffff\""), "type: has the noncharacter U+FFFF", sdkText},
	{"noncharacter of plane 16", made("type", `"\udbff\udffe"`), "type: has the noncharacter U+10FFFE", sdkText},
	{"noncharacter fdd0", made("type", `"\ufdd0"`), "type: has the noncharacter U+FDD0", sdkText},
	{"noncharacter fdef", made("type", `"\ufdef"`), "type: has the noncharacter U+FDEF", sdkText},
	{"next to noncharacters", made("type", `"\ufdcf\ufdf0\ufffd\ud83f\udffd"`), "", ""},
	{"replacement character", made("id", "\"\ufffd\""), "", ""},
	{"line separator", made("id", "\"a\u2028b\u2029\""), "", ""},
	{"lone high surrogate", made("id", `"a\ud800"`), "id: is not valid Unicode", sdkSurrogate},
	{"lone low surrogate", made("id", `"\udc00a"`), "id: is not valid Unicode", sdkSurrogate},
	{"surrogates swapped", made("id", `"\udc00\ud800"`), "id: is not valid Unicode", sdkSurrogate},
	{"high surrogate twice", made("id", `"\ud83d\ud83d\ude80"`), "id: is not valid Unicode", sdkSurrogate},
	{"high surrogate, then text", made("id", `"\ud83dx\ude80"`), "id: is not valid Unicode", sdkSurrogate},
	{"surrogate in extension", made("a", `"\ud800"`), "a: is not valid Unicode", sdkSurrogate},
	{"surrogate in name", made(`a\ud800`, `"x"`), "is not an attribute name", ""},
	{"invalid UTF-8", made("id", "\"a\xff\""), "id: is not valid UTF-8", sdkSurrogate},
	{"invalid UTF-8 in data", made("data", "\"a\xc3\""), "data: is not valid UTF-8", sdkSurrogate},
	{"surrogate as UTF-8", made("id", "\"\xed\xa0\x80\""), "id: is not valid UTF-8", sdkSurrogate},
	{"overlong UTF-8", made("id", "\"\xc0\x80\""), "id: is not valid UTF-8", sdkSurrogate},
	{"escapes", made("id", `"\"\\\/\u00E9\u00e9"`), "", ""},
	{"escaped tab", made("subject", `"\t"`), "subject: has the control character U+0009", ""},
}

var extensionVerdicts = []verdict{
	{"string", made("a", `"x"`), "", ""},
	{"empty string", made("a", `""`), "", ""},
	{"true", made("a", "true"), "", ""},
	{"false", made("a", "false"), "", ""},
	{"zero", made("a", "0"), "", ""},
	{"minus zero", made("a", "-0"), "", ""},
	{"largest integer", made("a", "2147483647"), "", ""},
	{"smallest integer", made("a", "-2147483648"), "", ""},
	{"integer too large", made("a", "2147483648"), "a: is not a 32-bit integer", ""},
	{"integer too small", made("a", "-2147483649"), "a: is not a 32-bit integer", ""},
	{"integer of 64 bits", made("a", "9007199254740993"), "a: is not a 32-bit integer", ""},
	{"float", made("a", "1.5"), "a: is not a 32-bit integer", sdkFloat},
	{"float without fraction", made("a", "1.0"), "a: is not a 32-bit integer", sdkFloat},
	{"exponent", made("a", "1e2"), "a: is not a 32-bit integer", sdkFloat},
	{"exponent zero", made("a", "0E0"), "a: is not a 32-bit integer", sdkFloat},
	{"huge exponent", made("a", "1e999999999"), "a: is not a 32-bit integer", sdkFloat},
	{"object", made("a", `{"b":1}`), "a: must be a string, a boolean or an integer", ""},
	{"array", made("a", `[]`), "a: must be a string, a boolean or an integer", ""},
	{"null", made("a", "null"), "", ""},
	{"twice", made("a", `"x"`, "a", `"x"`), "a: is given twice", sdkTwice},
	{"twice, not side by side", made("a", `1`, "b", `2`, "a", `3`), "a: is given twice", sdkTwice},
	{"twice, null first", made("a", `null`, "a", `"x"`), "a: is given twice", sdkTwice},
	{"twice, null last", made("a", `"x"`, "a", `null`), "a: is given twice", sdkTwice},
	{"twice, both null", made("a", `null`, "a", `null`), "a: is given twice", sdkTwice},
	{"twice, escaped", made("a", `1`, `\u0061`, `2`), "a: is given twice", sdkTwice},
	{"name with digits", made("0a9", `"x"`), "", ""},
	{"name empty", made("", `"x"`), "empty name", sdkNameEmpty},
	{"name empty, null", made("", `null`), "empty name", sdkNameEmpty},
	{"name with capital", made("aB", `"x"`), "aB: is not an attribute name", sdkName},
	{"name with underscore", made("a_b", `"x"`), "a_b: is not an attribute name", ""},
	{"name with hyphen", made("a-b", `"x"`), "a-b: is not an attribute name", ""},
	{"name with umlaut", made("ä", `"x"`), "ä: is not an attribute name", ""},
	{"name with blank", made("a ", `"x"`), "a : is not an attribute name", ""},
	{"bad name, null", made("a_b", `null`), "a_b: is not an attribute name", ""},
	{"name of 64", made(strings.Repeat("a", 64), `"x"`), "", ""},
	{"name of 65", made(strings.Repeat("a", 65), `"x"`), "too long for an attribute name", sdkLimit},
	{"reserved", made("repriseposition", `"x"`), "repriseposition: is reserved", sdkReserved},
	{"reserved prefix", made("reprise", `"x"`), "reprise: is reserved", sdkReserved},
	{"reserved, escaped", made(`\u0072epriselogged`, `"x"`), "repriselogged: is reserved", sdkReserved},
	{"nearly reserved", made("repris", `"x"`), "", ""},
	{"control character", made("a", `"\u0000"`), "a: has the control character U+0000", sdkText},
	{"at limit", made("a", long("x", 8192-len("1/st.happenede")-len(`a""`))), "", ""},
	{"over limit", made("a", long("x", 8193-len("1/st.happenede")-len(`a""`))), "attributes take more than 8192",
		sdkLimit},
	{"escaped at limit", made("a", long(`\u0041`, 8192-len("1/st.happenede")-len(`a""`))), "", ""},
}
