package request

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func names(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("name-%d", i))
	}
	return names
}

// A request is accepted at each of its limits and refused beyond, with the limit.
func TestARequestIsAcceptedUpToItsLimits(t *testing.T) {
	year := func(n int) *time.Time {
		at := time.Date(n, 6, 1, 0, 0, 0, 0, time.UTC)
		return &at
	}
	for _, tt := range []struct {
		request Request
		problem string
	}{
		{Request{Types: names(50)}, ""},
		{Request{Types: names(51)}, "51 types are named; at most 50 are accepted"},
		{Request{Entities: names(100)}, ""},
		{Request{Entities: names(101)}, "101 entities are named; at most 100 are accepted"},
		{Request{Prefixes: names(50)}, ""},
		{Request{Prefixes: names(51)}, "51 prefixes are named; at most 50 are accepted"},
		{Request{Rate: 10_000_000}, ""},
		{Request{Rate: 10_000_001}, "rate 10000001 is not between 0 and 10000000"},
		{Request{Slice: "99999d"}, ""},
		{Request{Slice: "100000d"}, `slice "100000d" is not a number of hours or days such as 6h or 7d, up to 99999`},
		{Request{Parallelism: 256}, ""},
		{Request{Parallelism: 257}, "parallelism 257 is not between 1 and 256"},
		{Request{From: year(0), To: year(9999)}, ""},
		{Request{From: year(-1)}, "from lies outside of the years 0 to 9999 in UTC"},
		{Request{To: year(10000)}, "to lies outside of the years 0 to 9999 in UTC"},
	} {
		err := tt.request.Check()
		if (tt.problem == "") != (err == nil) || err != nil && !strings.HasSuffix(err.Error(), tt.problem) {
			t.Errorf("refused with %v, want %q", err, tt.problem)
		}
	}
}

// A rebuild takes the whole log: each filter is refused by itself.
func TestARebuildTakesNoFilter(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, request := range []Request{{From: &at}, {To: &at}, {Types: names(1)}, {Entities: names(1)},
		{Prefixes: names(1)}, {Attribute: &Attribute{"tenant", ""}}, {Ordering: Unordered}} {
		if err := request.Check(); err != nil {
			t.Errorf("%+v is refused without a rebuild: %v", request, err)
		}
		request.Rebuild = true
		if err := request.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", request, err)
		}
	}
	for _, order := range []Ordering{"", ByEntity, ByWindow} {
		if err := (Request{Rebuild: true, Promote: true, Ordering: order}).Check(); err != nil {
			t.Errorf("without a filter, ordering %q: %v", order, err)
		}
	}
}

// The caller's lists stay as they are.
func TestNormalizingARequestChangesNoListOfTheCaller(t *testing.T) {
	given := []string{"b", "a", "b"}
	normal, err := Request{Types: given, Entities: given}.Normalized()
	want := []string{"a", "b"}
	if err != nil || !slices.Equal(normal.Types, want) || !slices.Equal(normal.Entities, want) {
		t.Errorf("%+v, %v", normal, err)
	}
	if !slices.Equal(given, []string{"b", "a", "b"}) {
		t.Errorf("the caller's list is %q", given)
	}
}

// Events are selected by their logged time in [from, to), to the millisecond.
func TestASelectionIncludesItsBeginningAndNotItsEnd(t *testing.T) {
	from, to := time.UnixMilli(1_000), time.UnixMilli(1_003)
	for _, tt := range []struct {
		request Request
		want    []int64
	}{
		{Request{}, []int64{998, 999, 1_000, 1_001, 1_002, 1_003, 1_004}},
		{Request{From: &from}, []int64{1_000, 1_001, 1_002, 1_003, 1_004}},
		{Request{To: &to}, []int64{998, 999, 1_000, 1_001, 1_002}},
		{Request{From: &from, To: &to}, []int64{1_000, 1_001, 1_002}},
	} {
		s := tt.request.Selection()
		var got []int64
		for logged := int64(998); logged <= 1_004; logged++ {
			wanted, err := s.Wants("a", logged, nil)
			if err != nil {
				t.Fatal(err)
			}
			if wanted {
				got = append(got, logged)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v selects %v, want %v", tt.request, got, tt.want)
		}
	}
}
