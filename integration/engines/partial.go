package engines

import (
	"encoding/json"
	"net/http"
)

type fields = map[string]json.RawMessage

// unprocessed is the member in which an answer to a batch lists what was not done,
// "" if the operation is not a batch.
func unprocessed(operation string) string {
	switch operation {
	case "BatchGetItem":
		return "UnprocessedKeys"
	case "BatchWriteItem":
		return "UnprocessedItems"
	}
	return ""
}

// sendPart sends the first half of a batch and answers that the second half was not
// done, as a throttled table does. Nothing is done of a batch of one.
func sendPart(r *http.Request, operation string, body []byte) (*http.Response, error) {
	var request, tables fields
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(request["RequestItems"], &tables); err != nil {
		return nil, err
	}
	first, second, reply := fields{}, fields{}, fields{}
	for table, raw := range tables {
		done, left, err := halve(raw)
		if err != nil {
			return nil, err
		}
		if second[table] = left; done != nil {
			first[table] = done
		}
	}
	if len(first) > 0 {
		request["RequestItems"] = encode(first)
		response, err := send(r, encode(request))
		if err != nil || response.StatusCode != http.StatusOK {
			return response, err
		}
		defer func() { _ = response.Body.Close() }()
		if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
			return nil, err
		}
	}
	reply[unprocessed(operation)] = encode(second)
	return answer(r, http.StatusOK, string(encode(reply))), nil
}

// halve divides the batch of one table: a list of writes, or an object with a list
// of keys. done is nil if it would be empty.
func halve(raw json.RawMessage) (done, left json.RawMessage, err error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		if half := len(list) / 2; half > 0 {
			return encode(list[:half]), encode(list[half:]), nil
		}
		return nil, raw, nil
	}
	var get fields
	if err := json.Unmarshal(raw, &get); err != nil {
		return nil, nil, err
	}
	if done, left, err = halve(get["Keys"]); done != nil {
		get["Keys"] = done
		done = encode(get)
	}
	get["Keys"] = left
	return done, encode(get), err
}

// encode encodes a value that came from JSON, which always succeeds.
func encode(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return raw
}
