package event

import (
	"encoding/base64"
	"time"
)

// MaxAhead is how far in the future the time of an imported event may lie. One
// that is further would drag the logged time of its whole lane with it.
const MaxAhead = 5 * time.Minute

// Admit holds a valid event that is new against the rules for new ones, and
// gives it its one form: data that came as base64 although its content type
// says JSON or text in UTF-8 becomes what the same bytes are in binary mode.
// What reads events that are in the log already must not call it, since they
// stay as they were accepted. Its error is an *Invalid.
func (e *Event) Admit() error {
	if !e.Base64 {
		return nil
	}
	body, err := base64.StdEncoding.Strict().DecodeString(e.Data[1 : len(e.Data)-1])
	if err != nil {
		return invalid(attributes[dataBase64], "has bits set after its last byte: encode it again as standard base64")
	}
	if len(body) == 0 {
		return nil
	}
	admitted := *e
	admitted.Data, admitted.Base64 = "", false
	if err := admitted.setData(body); err != nil {
		return err
	}
	if len(admitted.Data) > MaxDataBytes {
		return tooMuchData(len(admitted.Data))
	}
	*e = admitted
	return nil
}

// AdmitOwnTime says why an event cannot be imported at its own time: it has
// none, or one that lies before 1970 or more than MaxAhead behind now. Its error
// is an *Invalid.
func (e *Event) AdmitOwnTime(now time.Time) error {
	own, has := e.Timestamp()
	switch {
	case !has:
		return invalid("time", "is required to import an event at its own time")
	case own.After(now.Add(MaxAhead)):
		return invalid("time", "lies in the future")
	case own.Before(time.Unix(0, 0)):
		return invalid("time", "lies before 1970, where the log begins")
	}
	return nil
}
