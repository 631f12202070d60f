// Command purity is a tool of go vet that checks projections and services:
//
//	go vet -vettool="$(go tool -n purity)" ./pkg/domain/...
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"reprise/pkg/purity"
)

func main() { unitchecker.Main(purity.New()) }
