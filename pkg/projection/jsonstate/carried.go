package jsonstate

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// Carried returns an error that names a part of a type that encoding/json leaves
// out, cannot write, or cannot read back; nil if there is none. A type that both
// writes and reads itself (json.Marshaler and json.Unmarshaler, or their
// counterparts in package encoding) is trusted to do so in full.
func Carried(t reflect.Type) error {
	c := carrier{seen: make(map[spot]bool)}
	return c.value(t, t.String(), false)
}

// spot is a type, and whether its value is addressable there: encoding/json calls
// methods with a pointer receiver only to write addressable values.
type spot struct {
	t           reflect.Type
	addressable bool
}

type carrier struct{ seen map[spot]bool }

// value judges a type at a path such as State.Items[].Price.
func (c *carrier) value(t reflect.Type, path string, addressable bool) error {
	if c.seen[spot{t, addressable}] {
		return nil
	}
	c.seen[spot{t, addressable}] = true
	if t.Kind() == reflect.Interface {
		if t.NumMethod() > 0 {
			return fmt.Errorf("%s is an interface, %s, and encoding/json cannot know which type to read into it", path, t)
		}
		return nil
	}
	if own, err := c.byItself(t, path, addressable); own || err != nil {
		return err
	}
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("%s is a %s, which JSON cannot represent", path, t.Kind())
	case reflect.Pointer:
		return c.value(t.Elem(), path, true)
	case reflect.Slice:
		return c.value(t.Elem(), path+"[]", true)
	case reflect.Array:
		return c.value(t.Elem(), path+"[]", addressable)
	case reflect.Map:
		if err := key(t.Key(), path); err != nil {
			return err
		}
		return c.value(t.Elem(), path+"[]", false)
	case reflect.Struct:
		return c.fields(&fieldSet{named: make(map[string]string)}, t, path, addressable)
	default:
		return nil
	}
}

// key judges the type of a map's keys.
func key(t reflect.Type, path string) error {
	switch t.Kind() {
	case reflect.String:
		return nil
	case reflect.Interface:
		return fmt.Errorf("%s has keys of the interface %s", path, t)
	}
	writes, reads := t.Implements(textMarshaler), reflect.PointerTo(t).Implements(textUnmarshaler)
	number := t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
	if writes != reads || (!writes && !number) {
		return fmt.Errorf("%s has keys of type %s, which encoding/json cannot both write and read", path, t)
	}
	return nil
}

var (
	marshaler       = reflect.TypeFor[json.Marshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	methodNames     = map[reflect.Type]string{
		marshaler: "MarshalJSON", unmarshaler: "UnmarshalJSON",
		textMarshaler: "MarshalText", textUnmarshaler: "UnmarshalText",
	}
)

// byItself reports whether a type writes and reads itself. It refuses a type that
// does only one of the two.
func (c *carrier) byItself(t reflect.Type, path string, addressable bool) (bool, error) {
	if t.Kind() == reflect.Pointer {
		return false, nil
	}
	pointer := reflect.PointerTo(t)
	writer := t
	if addressable {
		writer = pointer
	}
	writes := method(writer, marshaler, textMarshaler)
	reads := method(pointer, unmarshaler, textUnmarshaler)
	switch {
	case writes == "" && reads == "":
		return false, nil
	case writes == "" && method(pointer, marshaler, textMarshaler) != "":
		return false, fmt.Errorf("%s is a %s: encoding/json calls its %s but not its %s here, since that has a pointer "+
			"receiver; use a *%s", path, t, reads, method(pointer, marshaler, textMarshaler), t)
	case writes == "" || reads == "":
		return false, fmt.Errorf("%s is a %s, which has %s but not its counterpart", path, t, writes+reads)
	case t.Kind() == reflect.Struct && (inherits(t, writes) || inherits(t, reads)):
		return c.inherited(t, path, addressable)
	}
	return true, nil
}

// method is the name of the method of a type that encoding/json calls, "" if it has
// none of the interfaces; earlier interfaces come first.
func method(t reflect.Type, interfaces ...reflect.Type) string {
	for _, i := range interfaces {
		if t.Implements(i) {
			return methodNames[i] // Type.Method would keep methods, see named
		}
	}
	return ""
}

// inherits reports whether a struct type has a method from an embedded field: then
// the compiler generated the method.
func inherits(t reflect.Type, name string) bool {
	for _, receiver := range []reflect.Type{t, reflect.PointerTo(t)} {
		if m, found := named(receiver, name); found && !generated(m) {
			return false
		}
	}
	return true
}

// named looks a method up by a constant name: with any other name, reflection makes
// the linker keep every exported method of the program, a third of its size.
func named(t reflect.Type, name string) (m reflect.Method, found bool) {
	switch name {
	case "MarshalJSON":
		return t.MethodByName("MarshalJSON")
	case "UnmarshalJSON":
		return t.MethodByName("UnmarshalJSON")
	case "MarshalText":
		return t.MethodByName("MarshalText")
	case "UnmarshalText":
		return t.MethodByName("UnmarshalText")
	}
	return reflect.Method{}, false
}

func generated(m reflect.Method) bool {
	f := runtime.FuncForPC(m.Func.Pointer())
	if f == nil {
		return false
	}
	file, _ := f.FileLine(f.Entry())
	return file == "<autogenerated>"
}

// inherited judges a struct that writes or reads itself by the methods of an
// embedded field, which know nothing of its other fields.
func (c *carrier) inherited(t reflect.Type, path string, addressable bool) (bool, error) {
	var embedded *reflect.StructField
	others := 0
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && embedded == nil {
			embedded = &f
		} else if f.Name != "_" {
			others++
		}
	}
	if embedded == nil || others > 0 {
		return false, fmt.Errorf("%s is a %s, which gets its methods for JSON (or text) from an embedded field, "+
			"and they leave out its other fields", path, t)
	}
	return true, c.value(embedded.Type, path+"."+embedded.Name, addressable)
}

// fieldSet is the fields of a struct's JSON object, including those of embedded
// structs.
type fieldSet struct {
	// named is the path of the field by its name in JSON.
	named     map[string]string
	embedding []reflect.Type
}

func (c *carrier) fields(set *fieldSet, t reflect.Type, path string, addressable bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue // nothing can be put into it
		}
		if err := c.field(set, f, path+"."+f.Name, addressable); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) field(set *fieldSet, f reflect.StructField, path string, addressable bool) error {
	tag := f.Tag.Get("json")
	if tag == "-" {
		return fmt.Errorf("%s is left out by its tag", path)
	}
	name, _, _ := strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	struc := f.Type
	if struc.Kind() == reflect.Pointer {
		struc = struc.Elem()
	}
	embedded := f.Anonymous && struc.Kind() == reflect.Struct
	// encoding/json sees the exported fields of an embedded unexported type.
	if !f.IsExported() && (!embedded || f.Type.Kind() == reflect.Pointer || name != "") {
		return fmt.Errorf("%s is not exported", path)
	}
	if embedded && name == "" {
		return c.embedded(set, struc, path, addressable || f.Type.Kind() == reflect.Pointer)
	}
	if name == "" {
		name = f.Name
	}
	if other, taken := set.named[name]; taken {
		return fmt.Errorf("%s and %s are both called %q in JSON", other, path, name)
	}
	set.named[name] = path
	return c.value(f.Type, path, addressable)
}

func (c *carrier) embedded(set *fieldSet, t reflect.Type, path string, addressable bool) error {
	if slices.Contains(set.embedding, t) {
		return fmt.Errorf("%s embeds itself", path)
	}
	set.embedding = append(set.embedding, t)
	err := c.fields(set, t, path, addressable)
	set.embedding = set.embedding[:len(set.embedding)-1]
	return err
}

// validName reports whether encoding/json uses the name in a tag instead of that of
// the field.
func validName(name string) bool {
	for _, r := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return name != ""
}
