package figures

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/api/generations"
	"reprise/pkg/local/localtest"
)

const (
	// promotions is how often a generation is made active, and promotionEvents how many
	// events it has before.
	promotions      = 100
	promotionEvents = 100_000
	// promotionRate is the rate of live events meanwhile, in batches.
	promotionRate  = 2000
	promotionBatch = 50
	// heldLimit bounds how long the consumer of the formerly active generation is held, in
	// 99 of 100 promotions.
	heldLimit = time.Second
)

// BenchmarkPromotion makes one of two generations active a hundred times, as promotions and
// rollbacks do, while live events arrive, and measures for how long the live path is held.
func BenchmarkPromotion(b *testing.B) {
	p := process.Launch(b, process.Binary(b), b.TempDir())
	c := &localtest.Client{T: b, URL: p.URL}
	random := rand.New(rand.NewPCG(1, 1))
	for sent := 0; sent < promotionEvents; sent += 5000 {
		c.Send("/events", deposits(random, sent, 5000))
	}
	c.Settle(promotionEvents)
	built := c.Replay("built", `{"rebuild":true,"promote":true}`)
	if !built.Promoted {
		b.Fatalf("%+v", built)
	}
	ctx, stop := context.WithCancel(b.Context())
	var live sync.WaitGroup
	live.Go(func() {
		tick := time.NewTicker(time.Second * promotionBatch / promotionRate)
		defer tick.Stop()
		for sent := promotionEvents; ctx.Err() == nil; sent += promotionBatch {
			<-tick.C
			c.Send("/events", deposits(random, sent, promotionBatch))
		}
	})
	defer live.Wait()
	defer stop()
	for b.Loop() {
		report(b, promoteOften(b, c))
	}
}

// deposits are events of 5,000 entities.
func deposits(random *rand.Rand, from, n int) []json.RawMessage {
	events := make([]json.RawMessage, n)
	for i := range events {
		events[i] = fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","source":"/promotion","type":"account.deposited",`+
			`"subject":"account-%d","data":{"amount":%d}}`, from+i, random.IntN(5000), 1+random.IntN(1000))
	}
	return events
}

// promoteOften makes the generation before active, again and again, and returns for how
// long each promotion held the live path.
func promoteOften(b *testing.B, c *localtest.Client) (held []time.Duration) {
	b.Helper()
	for range promotions {
		now := localtest.Until(c, "/generations", func(v api.GenerationsView) bool { return v.Previous != "" })
		resp, err := http.Post(c.URL+"/generations/"+now.Previous+"/promote", "application/json", bytes.NewBufferString("{}"))
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var promoted generations.Promoted
		if err != nil || json.Unmarshal(body, &promoted) != nil || promoted.Active != now.Previous {
			b.Fatalf("promote: %d %s %v", resp.StatusCode, body, err)
		}
		held = append(held, time.Duration(promoted.HeldMillis*float64(time.Millisecond)))
	}
	return held
}

func report(b *testing.B, held []time.Duration) {
	b.Helper()
	slices.Sort(held)
	p50, p99 := held[len(held)/2], held[len(held)*99/100]
	b.ReportMetric(float64(p50.Microseconds())/1000, "ms-held-p50")
	b.ReportMetric(float64(p99.Microseconds())/1000, "ms-held-p99")
	if p99 > heldLimit {
		b.Errorf("99 of 100 promotions held the live path for up to %s, at most %s are allowed", p99, heldLimit)
	}
}
