package dynamostore_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"reprise/integration/engines"
	"reprise/pkg/aws/dynamostore"
	"reprise/pkg/meter"
)

func binary(b ...byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func TestRoundTrip(t *testing.T) {
	c := engines.Codec(t)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
		).Draw(t, "value")
		value = bytes.Repeat(value, rapid.IntRange(1, 50).Draw(t, "times"))
		for _, encoded := range []types.AttributeValue{
			dynamostore.Plain(value),
			binary(dynamostore.Framed(value)...),
			binary(c.Compress(value)...),
		} {
			have, err := c.Decode(encoded)
			if err != nil || !bytes.Equal(have, value) {
				t.Fatalf("have %q, %v; want %q", have, err, value)
			}
		}
	})
}

// TestDamaged decodes bytes that no codec has written, and decompression bombs.
func TestDamaged(t *testing.T) {
	c := engines.Codec(t)
	bomb := c.Compress(make([]byte, 64<<20))
	for what, value := range map[string]types.AttributeValue{
		"empty":   binary(),
		"unknown": binary(9, 1),
		"no zstd": binary(1, 2, 3),
		"number":  &types.AttributeValueMemberN{Value: "1"},
		"cut":     binary(c.Compress([]byte(strings.Repeat("text ", 500)))[:20]...),
		"bomb":    binary(bomb...),
	} {
		if have, err := c.Decode(value); !errors.Is(err, dynamostore.ErrFrame) {
			t.Errorf("%s: have %d bytes, %v", what, len(have), err)
		}
	}
	if have, err := c.Decode(nil); have != nil || err != nil {
		t.Errorf("nothing: %q, %v", have, err)
	}
}

// TestShrink checks that only attributes that cost less when compressed are
// compressed.
func TestShrink(t *testing.T) {
	c := engines.Codec(t)
	rng := rand.New(rand.NewPCG(1, 2))
	rapid.Check(t, func(t *rapid.T) {
		noise := make([]byte, rapid.IntRange(0, 6000).Draw(t, "noise"))
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		text := strings.Repeat("abc", rapid.IntRange(0, 3000).Draw(t, "text"))
		item := dynamostore.Item{
			"pk": dynamostore.Text("p"),
			"a":  dynamostore.Text(text),
			"b":  binary(dynamostore.Framed(noise)...),
		}
		before := dynamostore.ItemBytes(item)
		plain := len(text)
		c.Shrink(item, "a", "b", "none")
		after := dynamostore.ItemBytes(item)
		_, compressed := item["a"].(*types.AttributeValueMemberB)
		if compressed != (meter.Write(after) < meter.Write(before)) {
			t.Fatalf("%d bytes became %d, compressed: %t", before, after, compressed)
		}
		a, err := c.Decode(item["a"])
		if err != nil || len(a) != plain {
			t.Fatalf("have %d bytes, %v", len(a), err)
		}
		if b, err := c.Decode(item["b"]); err != nil || !bytes.Equal(b, noise) {
			t.Fatalf("have %d bytes, %v", len(b), err)
		}
	})
}

func TestItemBytes(t *testing.T) {
	item := dynamostore.Item{
		"pk":     dynamostore.Text("0042#2026-03-01T00"),               // 2 + 18
		"\u00fc": dynamostore.Text("\u00e9"),                           // 2 + 2
		"t":      &types.AttributeValueMemberN{Value: "1772366400000"}, // 1 + 8
		"b":      binary(1, 2, 3),                                      // 1 + 3
	}
	if have := dynamostore.ItemBytes(item); have != 37 {
		t.Fatalf("have %d bytes", have)
	}
}

func FuzzDecode(f *testing.F) {
	c := engines.Codec(f)
	f.Add([]byte{0})
	f.Add(c.Compress([]byte("text")))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if _, err := c.Decode(binary(frame...)); err != nil && !errors.Is(err, dynamostore.ErrFrame) {
			t.Fatal(err)
		}
	})
}
