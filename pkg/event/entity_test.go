package event

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckEntity(t *testing.T) {
	for _, id := range []string{"a", "ü😀", "\x00",
		strings.Repeat("e", MaxEntityKeyBytes), strings.Repeat("#", MaxEntityKeyBytes/3)} {
		if err := CheckEntity(id); err != nil {
			t.Errorf("%.20q: %v", id, err)
		}
	}
	for _, id := range []string{"", "\xdc-1", "a\xff",
		strings.Repeat("e", MaxEntityKeyBytes+1), strings.Repeat("#", MaxEntityKeyBytes/3+1)} {
		if err := CheckEntity(id); !errors.Is(err, ErrEntity) {
			t.Errorf("%.20q: %v", id, err)
		}
	}
}
