package engines

import (
	"encoding/json"
	"io"
	"net/http"
)

func isBatch(operation string) bool {
	return operation == "BatchGetItem" || operation == "BatchWriteItem"
}

// sendPart sends the first half of a batch and answers that the rest was left
// undone, as a throttled table does. Of a batch of one nothing is done.
func sendPart(r *http.Request, body []byte) (*http.Response, error) {
	var request map[string]json.RawMessage
	var items map[string]json.RawMessage
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(request["RequestItems"], &items); err != nil {
		return nil, err
	}
	done, left, name, err := halve(items)
	if err != nil {
		return nil, err
	}
	reply := map[string]json.RawMessage{}
	if done != nil {
		if request["RequestItems"], err = json.Marshal(done); err != nil {
			return nil, err
		}
		if body, err = json.Marshal(request); err != nil {
			return nil, err
		}
		response, err := send(r, body)
		if err != nil || response.StatusCode != http.StatusOK {
			return response, err
		}
		defer func() { _ = response.Body.Close() }()
		answered, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(answered, &reply); err != nil {
			return nil, err
		}
	}
	if reply[name], err = json.Marshal(left); err != nil {
		return nil, err
	}
	text, err := json.Marshal(reply)
	if err != nil {
		return nil, err
	}
	return answer(r, http.StatusOK, string(text)), nil
}

// halve cuts the batch of each table in two. name is that of the member in
// which an answer says what was left.
func halve(items map[string]json.RawMessage) (done, left map[string]json.RawMessage, name string, err error) {
	left = make(map[string]json.RawMessage)
	for table, raw := range items {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil { // a batch of writes
			name = "UnprocessedItems"
			half := len(list) / 2
			if left[table], err = json.Marshal(list[half:]); err != nil {
				return nil, nil, "", err
			}
			if half > 0 {
				done = make(map[string]json.RawMessage)
				done[table], err = json.Marshal(list[:half])
			}
			return done, left, name, err
		}
		name = "UnprocessedKeys"
		var get map[string]json.RawMessage
		if err = json.Unmarshal(raw, &get); err != nil {
			return nil, nil, "", err
		}
		if err = json.Unmarshal(get["Keys"], &list); err != nil {
			return nil, nil, "", err
		}
		half := len(list) / 2
		part := func(keys []json.RawMessage) json.RawMessage {
			if get["Keys"], err = json.Marshal(keys); err != nil {
				return nil
			}
			var text json.RawMessage
			text, err = json.Marshal(get)
			return text
		}
		left[table] = part(list[half:])
		if half > 0 {
			done = map[string]json.RawMessage{table: part(list[:half])}
		}
		return done, left, name, err
	}
	return nil, nil, "", io.ErrUnexpectedEOF
}
