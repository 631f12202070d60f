package wire

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// errToken means that this server did not issue a page token.
var errToken = errors.New("InvalidToken: not a token of a page")

// The service's limits of a page.
const (
	defaultPage = 100
	maxPage     = 1000
)

// list is a request's list. Its page tokens are valid only for the same list.
type list struct{ members []string }

// listOf names the list by the operation and the arguments that select its
// elements.
func listOf(members ...string) list { return list{members} }

// from is the place where a page begins, "" for the first page.
func (l list) from(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	var members []string
	if err != nil || json.Unmarshal(raw, &members) != nil {
		return "", errToken
	}
	last := len(members) - 1
	if last < 0 || members[last] == "" || !slices.Equal(members[:last], l.members) {
		return "", errToken
	}
	return members[last], nil
}

// number is from for places that are positive numbers; 0 is the first page.
func (l list) number(token string) (int64, error) {
	place, err := l.from(token)
	if err != nil || place == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(place, 10, 32)
	if err != nil || n <= 0 {
		return 0, errToken
	}
	return n, nil
}

// answer is a page of elements and, unless next is "", the token of the next.
func (l list) answer(name string, elements any, next string) map[string]any {
	page := map[string]any{name: elements}
	if next != "" {
		raw, _ := json.Marshal(append(slices.Clone(l.members), next)) // strings can always be encoded
		page["nextToken"] = base64.RawURLEncoding.EncodeToString(raw)
	}
	return page
}

// slice is the page of a whole list that begins at from.
func slice[T any](all []T, from int64, limit int) (page []T, next string) {
	first := min(int(from), len(all))
	last := min(first+pageSize(limit), len(all))
	if last < len(all) {
		next = strconv.Itoa(last)
	}
	return all[first:last], next
}

func pageSize(maxResults int) int { return cmp.Or(maxResults, defaultPage) }
