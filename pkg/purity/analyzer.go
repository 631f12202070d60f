package purity

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// New returns the analyzer. Every package that it is asked to check is taken for one of
// projections and services; test files are left out.
func New() *analysis.Analyzer {
	return &analysis.Analyzer{
		Name:      "purity",
		Doc:       "refuse clocks, randomness, network, files and global state in projections and services",
		Run:       run,
		FactTypes: []analysis.Fact{new(impure)},
	}
}

// impure is the fact that a function uses what it must not, and why.
type impure struct{ Why string }

// AFact makes impure a fact.
func (*impure) AFact() {}

func (i *impure) String() string { return "impure: " + i.Why }

// use is a place at which a function uses what it must not.
type use struct {
	at  token.Pos
	why string
}

func run(pass *analysis.Pass) (any, error) {
	if standard(pass.Pkg.Path()) {
		return nil, nil
	}
	c := checker{pass: pass, uses: make(map[*types.Func][]use), calls: make(map[*types.Func][]call)}
	for _, file := range pass.Files {
		if strings.HasSuffix(pass.Fset.Position(file.Pos()).Filename, "_test.go") {
			continue
		}
		c.allowed = allowances(pass, file)
		for _, declared := range file.Decls {
			c.declaration(declared)
		}
	}
	c.spread()
	return nil, nil
}

// checker checks one package.
type checker struct {
	pass *analysis.Pass
	// uses are those of each function, and calls its references to other functions of
	// the package.
	uses  map[*types.Func][]use
	calls map[*types.Func][]call
	// order is that of the declarations.
	order []*types.Func
	// allowed are the lines of the present file on which everything is allowed.
	allowed map[int]bool
}

type call struct {
	at token.Pos
	to *types.Func
}

func (c *checker) declaration(declared ast.Decl) {
	var of *types.Func
	if function, ok := declared.(*ast.FuncDecl); ok {
		of, _ = c.pass.TypesInfo.Defs[function.Name].(*types.Func)
		c.order = append(c.order, of)
	}
	ast.Inspect(declared, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Ident:
			c.identifier(of, node)
		case *ast.GoStmt:
			c.used(of, node.Pos(), "starts a goroutine")
		case *ast.AssignStmt:
			if node.Tok != token.DEFINE {
				for _, to := range node.Lhs {
					c.changed(of, to)
				}
			}
		case *ast.IncDecStmt:
			c.changed(of, node.X)
		case *ast.UnaryExpr:
			if node.Op == token.AND {
				c.changed(of, node.X)
			}
		case *ast.SelectorExpr:
			c.called(of, node)
		}
		return true
	})
}

// used notes a use. What a package does when it is loaded belongs to no function, and is
// reported at once.
func (c *checker) used(of *types.Func, at token.Pos, why string) {
	if c.allowed[c.pass.Fset.Position(at).Line] {
		return
	}
	if of == nil {
		c.pass.Reportf(at, "%s", why)
		return
	}
	c.uses[of] = append(c.uses[of], use{at, why})
}

func (c *checker) identifier(of *types.Func, id *ast.Ident) {
	object := c.pass.TypesInfo.Uses[id]
	function, isFunction := object.(*types.Func)
	switch {
	case isFunction:
		function = function.Origin()
	case c.global(id) == nil:
		return
	}
	switch what := forbidden(object); {
	case what != "":
		c.used(of, id.Pos(), fmt.Sprintf("uses %s, which is %s", nameOf(object), what))
	case !isFunction:
	case function.Pkg() == c.pass.Pkg:
		if of != nil {
			c.calls[of] = append(c.calls[of], call{id.Pos(), function})
		}
	default:
		var fact impure
		if c.pass.ImportObjectFact(function, &fact) {
			c.used(of, id.Pos(), fmt.Sprintf("uses %s, which %s", nameOf(function), fact.Why))
		}
	}
}

// changed notes a change of a package-level variable, or of a part of one.
func (c *checker) changed(of *types.Func, target ast.Expr) {
	if of == nil {
		return // the package's own initialization
	}
	for {
		switch at := ast.Unparen(target).(type) {
		case *ast.IndexExpr:
			target = at.X
		case *ast.StarExpr:
			target = at.X
		case *ast.SelectorExpr:
			if v := c.global(at.Sel); v != nil {
				c.used(of, target.Pos(), "changes the global variable "+nameOf(v))
				return
			}
			target = at.X
		case *ast.Ident:
			if v := c.global(at); v != nil {
				c.used(of, target.Pos(), "changes the global variable "+nameOf(v))
			}
			return
		default:
			return
		}
	}
}

// called notes a method that is called on a global variable itself, which it may change.
func (c *checker) called(of *types.Func, selector *ast.SelectorExpr) {
	selection := c.pass.TypesInfo.Selections[selector]
	if selection == nil || selection.Kind() != types.MethodVal {
		return
	}
	signature, ok := selection.Obj().Type().(*types.Signature)
	if !ok || signature.Recv() == nil {
		return
	}
	_, byPointer := signature.Recv().Type().(*types.Pointer)
	if _, isPointer := selection.Recv().(*types.Pointer); byPointer && !isPointer {
		c.changed(of, selector.X)
	}
}

func (c *checker) global(id *ast.Ident) *types.Var {
	v, ok := c.pass.TypesInfo.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return nil
	}
	return v
}

// spread reports the uses, and tells packages that import this one which functions are
// impure, also through other functions.
func (c *checker) spread() {
	facts := make(map[*types.Func]string)
	for _, of := range c.order {
		for i, u := range c.uses[of] {
			if i == 0 {
				facts[of] = u.why
			}
			c.pass.Reportf(u.at, "%s", u.why)
		}
	}
	for grown := true; grown; {
		grown = false
		for _, of := range c.order {
			for _, to := range c.calls[of] {
				if why, found := facts[to.to]; found && facts[of] == "" {
					facts[of], grown = "uses "+nameOf(to.to)+", which "+why, true
				}
			}
		}
	}
	for of, why := range facts {
		c.pass.ExportObjectFact(of, &impure{why})
	}
}

// nameOf is a name as it is written in another package, with the type of a method.
func nameOf(object types.Object) string {
	name := object.Name()
	if function, ok := object.(*types.Func); ok {
		if receiver := function.Signature().Recv(); receiver != nil {
			of := strings.TrimPrefix(types.TypeString(receiver.Type(), func(*types.Package) string { return "" }), "*")
			name = of + "." + name
		}
	}
	return object.Pkg().Name() + "." + name
}
