package send

import (
	"context"
	"errors"
	"io"
	"time"
)

// MaxRefusals bounds the refused lines that Check names.
const MaxRefusals = 20

// lookAtContext is how many lines are read between checks of the context.
const lookAtContext = 1024

// Check reads lines without sending them. It returns their number and the first
// ones that the server would refuse at about now. An error is one of reading.
func Check(ctx context.Context, r io.Reader, keepTime bool, now time.Time) (count int64, refused []Refusal, err error) {
	l, err := openLines(r)
	if err != nil {
		return 0, nil, err
	}
	defer l.close()
	for len(refused) < MaxRefusals {
		line, err := l.next()
		switch {
		case errors.Is(err, io.EOF):
			return count, refused, nil
		case errors.Is(err, errLineTooLong):
		case err != nil:
			return count, refused, err
		default:
			_, err = check(line, keepTime, now)
		}
		count++
		if err != nil {
			refused = append(refused, refusal(l.number, err))
		}
		if count%lookAtContext == 0 && ctx.Err() != nil {
			return count, refused, ctx.Err()
		}
	}
	return count, refused, nil
}
