package projection_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// of makes a projection with a state of type S.
func of[S any](types ...string) projection.Projection {
	return projection.New("p", 1, types, func(s S, _ *event.Event) (S, error) { return s, nil })
}

// Their fields are for reflection alone.
//
//nolint:unused // see above
type (
	hidden struct{ A, b int }
	inner  struct{ Inner int }
	base   struct{ ID int }
	Base   struct{ ID int }
	Other  struct{ ID int }
	tree   struct{ Left, Right *tree }
	secret struct {
		Left *secret
		m    sync.Mutex
	}
	writesOnly struct{ n int }
	readsOnly  struct{ N int }
	byPointer  struct{ n int }
	stamped    struct {
		time.Time
		Note string
	}
	onlyStamp struct{ time.Time }
	ownStamp  struct {
		time.Time
		Note string
	}
	// The embedded time still reads the JSON, or writes it, or does both.
	stampWrites struct {
		time.Time
		Note string
	}
	stampReads struct {
		time.Time
		Note string
	}
	stampLabelled struct {
		time.Time
		Note string
	}
	// Held has a method that JSON calls only if the value is addressable.
	Held    struct{ P byPointer }
	None    struct{}
	WithOne struct {
		None
		One int
	}
	WithTwo struct {
		None
		Two int
	}
	stampLast struct {
		Note string
		time.Time
	}
	number      int
	plainNumber int
	named       struct{ Name string }
	selfEmbed   struct {
		*selfEmbed
		N int
	}
	Loop struct {
		*Loop
		N int
	}
)

func (writesOnly) MarshalJSON() ([]byte, error)   { return []byte("1"), nil }
func (*readsOnly) UnmarshalJSON([]byte) error     { return nil }
func (b *byPointer) MarshalJSON() ([]byte, error) { return fmt.Append(nil, b.n), nil }
func (b *byPointer) UnmarshalJSON(text []byte) error {
	_, err := fmt.Sscan(string(text), &b.n)
	return err
}
func (o ownStamp) MarshalJSON() ([]byte, error) { return json.Marshal([]any{o.Time, o.Note}) }
func (o *ownStamp) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&o.Time, &o.Note})
}
func (s stampWrites) MarshalJSON() ([]byte, error)    { return json.Marshal(s.Note) }
func (s *stampReads) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &s.Note) }
func (s stampLabelled) Label() string                 { return s.Note }

func (n number) MarshalText() ([]byte, error) { return fmt.Append(nil, int(n)), nil }
func (n named) String() string                { return n.Name }

func TestStateThatJSONDoesNotCarryIsRefused(t *testing.T) {
	for _, c := range []struct {
		p    projection.Projection
		want string
	}{
		{of[hidden](), "projection_test.hidden.b is not exported"},
		{of[struct{ M map[string][]*hidden }](), ".M[][].b is not exported"},
		{of[struct{ H [2]hidden }](), ".H[].b is not exported"},
		{of[secret](), ".m is not exported"},
		{of[struct {
			A int
			B int `json:"-"`
		}](), ".B is left out by its tag"},
		{of[func()](), "is a func"},
		{of[struct{ C chan int }](), ".C is a chan"},
		{of[struct{ C []complex128 }](), ".C[] is a complex128"},
		{of[struct{ S fmt.Stringer }](), ".S is an interface, fmt.Stringer"},
		{of[struct{ E error }](), ".E is an interface, error"},
		{of[map[float64]int](), "keys of type float64"},
		{of[map[[2]int]int](), "keys of type [2]int"},
		{of[map[any]int](), "keys of the interface"},
		{of[map[number]int](), "keys of type projection_test.number"},
		{of[struct{ *inner }](), ".inner is not exported"},
		{of[struct{ plainNumber }](), ".plainNumber is not exported"},
		{of[struct {
			base `json:"base"`
		}](), ".base is not exported"},
		{of[struct {
			Base
			Other
		}](), `are both called "ID" in JSON`},
		{of[struct {
			Base
			ID string
		}](), `are both called "ID" in JSON`},
		{of[struct {
			A int `json:"B"`
			B int
		}](), `are both called "B" in JSON`},
		{of[selfEmbed](), ".selfEmbed is not exported"},
		{of[Loop](), "embeds itself"},
		{of[struct{ W writesOnly }](), "but not its counterpart"},
		{of[struct{ R readsOnly }](), "but not its counterpart"},
		{of[struct{ P byPointer }](), "pointer receiver; use a *projection_test.byPointer"},
		{of[map[string]byPointer](), "pointer receiver"},
		{of[struct{ N big.Int }](), "pointer receiver; use a *big.Int"},
		{of[stamped](), "from an embedded field"},
		{of[stampWrites](), "from an embedded field"},
		{of[stampReads](), "from an embedded field"},
		{of[stampLabelled](), "from an embedded field"},
		{of[stampLast](), "from an embedded field"},
		{of[struct{ Held }](), "pointer receiver"},
		{of[struct { // encoding/json does not accept this name
			Base `json:"a\\b"` //nolint:staticcheck // encoding/json ignores such a name
			ID   string
		}](), `are both called "ID" in JSON`},
		{of[struct{ At *stamped }](), ".At is a projection_test.stamped"},
		{of[sync.Map](), "is not exported"},
		{projection.New[int]("p", 1, nil, nil), "it has no function"},
		{nil, "it is nil"},
	} {
		_, err := projection.NewSet(c.p)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
		if c.p != nil && err != nil && !strings.Contains(err.Error(), `projection "p"`) {
			t.Errorf("%v does not name the projection", err)
		}
	}
}

func TestStateThatJSONCarriesIsAccepted(t *testing.T) {
	for _, p := range append(domain.Projections(),
		of[int](), of[*string](), of[any](), of[map[string]any](), of[[]byte](), of[json.RawMessage](), of[json.Number](),
		of[tree](), of[onlyStamp](), of[ownStamp](), of[*big.Int](), of[struct{ N *big.Int }](), of[[]byPointer](),
		of[map[netip.Addr]time.Time](), of[map[uint8]struct{}](), of[named](),
		of[map[int]int](), of[map[uintptr]int](), of[struct{ *Held }](),
		of[struct {
			WithOne
			WithTwo
		}](),
		of[struct { // that of README
			Count int `json:"count"`
		}](),
		of[struct {
			base
			_ [0]func()
			A int `json:",omitempty"`
			B int `json:"a\\b"` //nolint:staticcheck // encoding/json ignores such a name
			C int `json:"-,"`   //nolint:staticcheck // a field that is named "-"
		}](),
		of[struct {
			*Base
			Base2 struct{ ID int } `json:"base"`
			When  struct{ time.Time }
		}](),
	) {
		if _, err := projection.NewSet(p); err != nil {
			t.Error(err)
		}
	}
}
