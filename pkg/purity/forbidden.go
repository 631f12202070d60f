package purity

import (
	"go/types"
	"slices"
	"strings"
)

// whole are the packages of the standard library, or their families, of which nothing may
// be used, with the reason.
var whole = map[string]string{
	"crypto/rand":   "random",
	"database/sql":  "outside the log",
	"io/ioutil":     "a file",
	"log":           "output",
	"math/rand":     "random",
	"net":           "the network",
	"os":            "the operating system",
	"plugin":        "a file",
	"runtime/debug": "the machine",
	"syscall":       "the operating system",
	"testing":       "a test",
	"unsafe":        "memory",
}

// harmless are packages and names within the families of whole.
var harmless = []string{"net/netip", "net/url", "net/mail", "net/textproto", "os.ErrNotExist"}

// some are single functions and variables of the standard library.
var some = map[string]string{
	"context.WithDeadline":      "a clock",
	"context.WithDeadlineCause": "a clock",
	"context.WithTimeout":       "a clock",
	"context.WithTimeoutCause":  "a clock",
	"fmt.Print":                 "output",
	"fmt.Printf":                "output",
	"fmt.Println":               "output",
	"fmt.Scan":                  "input",
	"fmt.Scanf":                 "input",
	"fmt.Scanln":                "input",
	"hash/maphash.MakeSeed":     "random",
	"path/filepath.Abs":         "a file",
	"path/filepath.Glob":        "a file",
	"path/filepath.Walk":        "a file",
	"path/filepath.WalkDir":     "a file",
	"runtime.GC":                "the machine",
	"runtime.GOMAXPROCS":        "the machine",
	"runtime.NumCPU":            "the machine",
	"runtime.NumGoroutine":      "the machine",
	"runtime.ReadMemStats":      "the machine",
	"time.After":                "a clock",
	"time.AfterFunc":            "a clock",
	"time.LoadLocation":         "a file",
	"time.Local":                "the machine",
	"time.NewTicker":            "a clock",
	"time.NewTimer":             "a clock",
	"time.Now":                  "a clock",
	"time.Since":                "a clock",
	"time.Sleep":                "a clock",
	"time.Tick":                 "a clock",
	"time.Until":                "a clock",
}

// forbidden says what a function, method or variable of another package stands for that
// must not be used, "" if it may be.
func forbidden(object types.Object) (what string) {
	from := object.Pkg()
	if from == nil {
		return ""
	}
	path := from.Path()
	name := path + "." + object.Name()
	if slices.Contains(harmless, path) || slices.Contains(harmless, name) {
		return ""
	}
	if what, found := some[name]; found && object.Parent() == from.Scope() {
		return what
	}
	for family := path; ; {
		if what, found := whole[family]; found {
			return what
		}
		cut := strings.LastIndexByte(family, '/')
		if cut < 0 {
			return ""
		}
		family = family[:cut]
	}
}

// standard reports whether a package is one of the standard library, whose own functions
// are judged by name and not by what they refer to.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && slices.Contains(roots, first)
}

// roots begin the import paths of the standard library.
var roots = []string{
	"archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug",
	"embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal",
	"io", "iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime",
	"slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time", "unicode",
	"unique", "unsafe", "vendor", "weak",
}
