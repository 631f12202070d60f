// Package impure does everything that a projection must not do, and some that it may.
package impure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"helper"
)

var (
	errWrong = errors.New("wrong")
	pattern  = regexp.MustCompile("x+")
	table    = map[string]int{"a": 1}
	count    int
	pair     struct{ a, b int }
	once     sync.Once
	began    = time.Now() // want `uses time.Now, which is a clock`
)

func Pure(text string) (string, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !pattern.MatchString(text) {
		return "", errWrong
	}
	local := map[string]int{}
	local["x"]++
	p := &local
	_ = p
	at = at.Add(time.Hour).UTC()
	parsed, _ := url.Parse("https://example.com")
	return fmt.Sprint(at, table["a"], count, math.Sqrt(2), parsed, helper.Pure(1, 2), strings.ToUpper(text)), nil
}

func Impure() { // want Impure:"impure: uses time.Now, which is a clock"
	_ = time.Now()                         // want `uses time.Now, which is a clock`
	f := time.Since                        // want `uses time.Since, which is a clock`
	_ = time.Local                         // want `uses time.Local, which is the machine`
	_ = rand.IntN(2)                       // want `uses rand.IntN, which is random`
	_, _ = net.Dial("x", "y")              // want `uses net.Dial, which is the network`
	_ = net.DefaultResolver                // want `uses net.DefaultResolver, which is the network`
	_ = os.Getenv("x")                     // want `uses os.Getenv, which is the operating system`
	_, _ = time.LoadLocation("x")          // want `uses time.LoadLocation, which is a file`
	_, stop := context.WithTimeout(nil, 1) // want `uses context.WithTimeout, which is a clock`
	fmt.Println(f, stop)                   // want `uses fmt.Println, which is output`
	go func() {}()                         // want `starts a goroutine`
}

func Global() { // want Global:"impure: changes the global variable impure.count"
	count++          // want `changes the global variable impure.count`
	count = 2        // want `changes the global variable impure.count`
	table["b"] = 3   // want `changes the global variable impure.table`
	pair.a = 1       // want `changes the global variable impure.pair`
	p := &pair.b     // want `changes the global variable impure.pair`
	once.Do(func() { // want `changes the global variable impure.once`
		_ = p
	})
	count := 1 // another variable
	count++
}

func ByOthers() { // want ByOthers:"impure: uses helper.Clock.Read"
	var c helper.Clock
	_ = c.Read()          // want `uses helper.Clock.Read, which uses helper.today, which uses time.Now, which is a clock`
	_ = helper.Generic(1) // want `uses helper.Generic, which uses time.Sleep, which is a clock`
	each(c.Read)          // want `uses helper.Clock.Read`
}

func each(func() int64) {}

func Vouched() { // want Vouched:"impure: uses time.Now, which is a clock"
	_ = time.Now() //purity:allow the test says so
	//purity:allow the test says so
	_ = time.Now()
	_ = time.Now() // want `uses time.Now, which is a clock`
}

/* want `//purity:allow needs a reason` */ //purity:allow
