package jsonata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reprise/integration/npm"
)

type question struct {
	source    string
	variables json.RawMessage
}

// askNode evaluates all questions in one process.
func askNode(t *testing.T, questions []question) []string {
	t.Helper()
	module := filepath.Join(npm.Need(t), "node_modules", "jsonata")
	var in bytes.Buffer
	for _, q := range questions {
		source, _ := json.Marshal(q.source)
		fmt.Fprintf(&in, "[%s,%s]\n", source, q.variables)
	}
	cmd := exec.Command("node", filepath.Join("testdata", "evaluate.js"), module)
	cmd.Stdin = &in
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// answer evaluates with this package and writes the result as evaluate.js does.
func answer(t *testing.T, q question) string {
	t.Helper()
	expr, err := Compile(q.source)
	if err != nil {
		return "refused: " + err.Error()
	}
	decoded, err := Decode(q.variables)
	if err != nil {
		t.Fatal(err)
	}
	v, defined, err := expr.Eval(decoded.(*Object).Get)
	if fenced := (*FencedError)(nil); errors.As(err, &fenced) {
		return "fenced"
	}
	switch {
	case err != nil:
		return `{"error"`
	case !defined:
		return `{"undefined":true}`
	}
	return `{"value":` + string(Encode(v)) + `}`
}

func agree(ours, theirs string) bool {
	if strings.HasPrefix(theirs, `{"error"`) {
		return strings.HasPrefix(ours, `{"error"`)
	}
	return ours == theirs
}

const sample = `{
	"states":{
		"input":{
			"n":3,
			"z":0,
			"neg":-2.5,
			"big":12345678901,
			"s":"abc",
			"empty":"",
			"t":true,
			"f":false,
			"nil":null,
			"list":[1,2,3],
			"one":[7],
			"none":[],
			"nested":[[1],[2,3],[]],
			"deep":[[[1]]],
			"o":{"a":1,"b":{"c":[4]}},
			"eo":{},
			"items":[
				{"id":1,"tag":"x","l":[1]},
				{"id":2,"tag":"y","l":[]},
				{"id":3,"tag":"x","l":[2,3]},
				{"other":null}
			],
			"single":[{"id":9,"tag":"q"}],
			"mixed":[1,"a",null,true,{"id":5},[6]],
			"strs":["a","b"],
			"9":"nine",
			"10":1,
			"uni":"é😀"
		}
	},
	"v":{"x":1,"list":[10,20]},
	"k":"key",
	"num":42,
	"arr":[5],
	"nothing":null
}`

// table holds the cases that matter to state machines, one by one.
var table = []string{
	`$states.input.none`, `$states.input.one`, `$states.input.list`, `[$states.input.none]`, `[$states.input.one]`,
	`$states.input.missing`, `[$states.input.missing]`, `{"a":$states.input.missing,"b":1}`, `{"a":null}`,
	`[0..$states.input.n-1]`, `[0..$states.input.z-1]`, `[0..0]`, `[1..3][1]`, `[0..2,5]`, `[[0..1]]`, `[1..2.5]`,
	`$count($states.input.none)`, `$count($states.input.missing)`, `$count(null)`, `$count($states.input.items.id)`,
	`$states.input.items[tag='x']`, `[$states.input.items[tag='y']]`,
	`$states.input.items[id>1].id`, `$states.input.items[0]`,
	`$states.input.items[-1]`, `$states.input.items[9]`, `$states.input.items.l`,
	`$states.input.items[0].l`, `$states.input.items.l[0]`,
	`$states.input.items.{"i":id}`, `$states.input.items.(id+1)`, `$states.input.nested`, `$states.input.nested[0]`,
	`$states.input.nested[2]`, `$states.input.deep[0]`, `$states.input.deep[0][0]`,
	`($states.input.deep[0])[0]`, `$states.input.single.id`,
	`[$states.input.single.id]`, `$states.input.mixed.id`,
	`$states.input.o`, `$states.input.o.b.c`, `$states.input.o.b.c[0]`,
	`$states.input.nil`, `$exists($states.input.nil)`, `$exists($states.input.missing)`, `$type($states.input.nil)`,
	`$type($states.input.missing)`, `$type([])`, `$type({})`, `$type("")`,
	`$type(1)`, `$type(true)`, `$type($states.input.items.id)`,
	`$string($states.input.o)`, `$string($states.input)`,
	`$string(0.1+0.2)`, `$string(1e21)`, `$string(1e-7)`, `$string(null)`,
	`$string([1,"a",null])`, `$string("a\"b")`, `"<&>" & $string({"k":"<\u2028"})`,
	`$string(-0.0)`, `1/3`, `10/5`, `1e300*1e300`,
	`"a" & 1`, `"a" & null`, `"a" & $states.input.missing`, `1 & 2`,
	`"a" & [1]`, `"a" & {"b":1}`, `"a" & true`, `1.10 & ""`,
	`"a" < "b"`, `"a" < 1`, `"B" < "a"`, `"\uFF5E" < "😀"`,
	`1 < $states.input.missing`, `null < 1`, `true < false`, `1 <= 1`, `2 >= 3`,
	`1 = "1"`, `null = null`, `[1,2]=[1,2]`, `{"a":1,"b":2}={"b":2,"a":1}`,
	`$states.input.missing = null`, `$states.input.missing != 1`,
	`1 in [1,2]`, `"a" in "a"`, `3 in []`, `null in [null]`,
	`$states.input.missing in [1]`, `[1] in [[1]]`, `"x" in $states.input.items.tag`,
	`$merge([{"a":1},{"b":2},{"a":3}])`, `$merge($states.input.o)`,
	`$merge([])`, `$merge([1])`, `$merge($states.input.missing)`,
	`$number("12")`, `$number("1e3")`, `$number("-1.5")`, `$number("abc")`,
	`$number("")`, `$number(" 1")`, `$number("007")`, `$number("0x10")`,
	`$number(true)`, `$number(null)`, `$number([1])`, `$number($states.input.missing)`,
	`$number("1e999")`, `$number(".5")`, `$number("1.")`,
	`$sum([1,2,3])`, `$sum([])`, `$sum(5)`, `$sum("a")`, `$sum([1,"a"])`,
	`$sum($states.input.missing)`, `$sum($states.input.items.id)`,
	`$max([1,3,2])`, `$max([])`, `$max(5)`, `$max("a")`, `$max([1,"a"])`, `$max([-2,-1])`, `$max([[1],2])`,
	`$max($states.input.missing)`, `$max([0, $states.input.items.id])`, `$sum([0, $states.input.missing])`,
	`$not(true)`, `$not([])`, `$not([0])`, `$not([0,1])`, `$not("")`,
	`$not({})`, `$not(null)`, `$not($states.input.missing)`,
	`true and 1`, `false or ""`, `false and (1+"a")`, `true or ("a"<1)`,
	`$states.input.missing or false`, `[false,[]] or 0`,
	`$states.input.t ? "y" : "n"`, `$states.input.missing ? 1`, `$states.input.none ? 1 : 2`, `true ? false ? 1 : 2 : 3`,
	`-$states.input.n`, `-"a"`, `-$states.input.missing`,
	`1 + $states.input.missing`, `1 + "1"`, `1 + null`, `2 - -3`, `2*3+4`, `2+3*4`,
	`1 + 2 & 3`, `1 & 2 + 3`, `1 = 1 and 2 = 2`, `1 in [1] = true`,
	`not = 1`, `$v.list[0]`, `$v.list[1]`, `$arr[0]`, `$arr`, `$nothing`,
	`$nothing = null`, `$missing`, `$k & "-" & $num`, `{$k: $num}`,
	`{$num: 1}`, `{"a":1,"a":2}`, `{"b":1,"a":2,"10":3,"9":4}`,
	`$states.input.items.{tag: id}`, `$states.input.items[$exists(tag)].{tag: id}`,
	`$states.input.items[0].{tag: id, "n": l}`, `$states.input.list[$>1]`, `$states.input.list[[0,2]]`,
	`$states.input.list[$states.input.none]`,
	`$states.input.list.$`, `$states.input.none.{"a":1}`, `[[1,2],[3]].{"a":$}`,
	`[1,2][0]`, `[[1,2],[3]][0]`, `[[1,2][0]]`, `[[1],[2]].(7)`, `[1,[2]]`,
	"$states.input.`9`", `$states.input."s"`, `$string($states.input.uni)`,
	`1e3`, `0.5e-3`, `$states.input.list[1.9]`, `$states.input.list[-1.5]`,
	`$states.input.t.x`, `$states.input.s.x`, `$states.input.s[0]`, `$states.input.s[1]`,
	`$states.input.o[0].a`, `$states.input.eo[0]`, `$missing[0]`, `$missing[true]`, `$missing["a">1]`,
	`($states.input.items)[0].id`, `$count([$states.input.items[id=9]])`,
	`{"list":[$states.input.single.id]}`, `{"x":$states.input.items.id}`,
}

func TestTableAgainstNode(t *testing.T) {
	questions := make([]question, len(table))
	for i, source := range table {
		questions[i] = question{source: source, variables: json.RawMessage(strings.ReplaceAll(sample, "\n", ""))}
	}
	theirs := askNode(t, questions)
	for i, q := range questions {
		ours := answer(t, q)
		if strings.HasPrefix(ours, "refused") || ours == "fenced" {
			t.Logf("%s: %s, node: %s", q.source, ours, theirs[i])
			continue
		}
		if !agree(ours, theirs[i]) {
			t.Errorf("%s\n ours   %s\n theirs %s", q.source, ours, theirs[i])
		}
	}
}

// TestGeneratedAgainstNode compares random expressions. The seed is fixed, so
// that a failure can be repeated.
func TestGeneratedAgainstNode(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 4_000
	}
	g := generator{rand: rand.New(rand.NewPCG(20, 26))}
	questions := make([]question, n)
	for i := range questions {
		questions[i] = question{source: g.expr(4, false), variables: g.variables()}
	}
	theirs := askNode(t, questions)
	compared, defined := 0, 0
	for i, q := range questions {
		ours := answer(t, q)
		if strings.HasPrefix(ours, "refused") || ours == "fenced" {
			continue
		}
		compared++
		if strings.HasPrefix(ours, `{"value"`) {
			defined++
		}
		if !agree(ours, theirs[i]) {
			t.Errorf("%s\n with   %s\n ours   %s\n theirs %s", q.source, q.variables, ours, theirs[i])
		}
	}
	if compared < n*3/4 || defined < n/4 {
		t.Errorf("compared %d of %d, of which %d gave a value: the generator no longer covers enough", compared, n, defined)
	}
}
