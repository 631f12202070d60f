package faultproxy

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
)

// part removes some requests from a batch. It returns the rest, and a function that
// adds to the answer that the removed requests were not done. It changes neither a
// batch of one nor any other request.
func part(c call, seed uint64) ([]byte, func(answer) answer) {
	random := rand.New(rand.NewPCG(seed, 1))
	var body []byte
	var complete func(answer) answer
	switch c.service + "." + c.operation {
	case "DynamoDB.BatchWriteItem":
		body, complete = partOfTables(c.body, random, "UnprocessedItems", split)
	case "DynamoDB.BatchGetItem":
		body, complete = partOfTables(c.body, random, "UnprocessedKeys", splitKeys)
	case "Kinesis.PutRecords":
		body, complete = partOfRecords(c.body, random)
	}
	if complete == nil {
		return c.body, func(a answer) answer { return a }
	}
	return body, complete
}

type fields = map[string]json.RawMessage

// split divides a list. kept is never empty; removed is nil if it would be.
func split(raw json.RawMessage, random *rand.Rand) (kept, removed json.RawMessage) {
	var list, first, second []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return raw, nil
	}
	for i, member := range list {
		if i == 0 || random.IntN(2) == 0 {
			first = append(first, member)
		} else {
			second = append(second, member)
		}
	}
	if len(second) == 0 {
		return raw, nil
	}
	return encode(first), encode(second)
}

// splitKeys divides the keys of a BatchGetItem for one table. Both parts repeat the
// table's other settings.
func splitKeys(raw json.RawMessage, random *rand.Rand) (kept, removed json.RawMessage) {
	var get fields
	if json.Unmarshal(raw, &get) != nil {
		return raw, nil
	}
	first, second := split(get["Keys"], random)
	if second == nil {
		return raw, nil
	}
	get["Keys"] = first
	kept = encode(get)
	get["Keys"] = second
	return kept, encode(get)
}

func partOfTables(body []byte, random *rand.Rand, unprocessed string,
	divide func(json.RawMessage, *rand.Rand) (json.RawMessage, json.RawMessage),
) ([]byte, func(answer) answer) {
	var request, tables fields
	if json.Unmarshal(body, &request) != nil || json.Unmarshal(request["RequestItems"], &tables) != nil {
		return nil, nil
	}
	all := fields{}
	for name, raw := range tables {
		kept, removed := divide(raw, random)
		tables[name] = kept
		if removed != nil {
			all[name] = removed
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	request["RequestItems"] = encode(tables)
	return encode(request), func(a answer) answer { return addUnprocessed(a, unprocessed, all) }
}

// addUnprocessed adds the removed requests to those that the service itself left
// undone: the client sends again exactly those that the answer lists.
func addUnprocessed(a answer, name string, removed fields) answer {
	var body, already fields
	if a.status != http.StatusOK || json.Unmarshal(a.body, &body) != nil {
		return a
	}
	if body[name] != nil && json.Unmarshal(body[name], &already) != nil {
		return a
	}
	if already == nil {
		already = fields{}
	}
	for table, requests := range removed {
		already[table] = joined(already[table], requests)
	}
	body[name] = encode(already)
	return changed(a, encode(body))
}

// joined joins two lists, or two objects with lists of keys.
func joined(a, b json.RawMessage) json.RawMessage {
	if a == nil {
		return b
	}
	var first, second []json.RawMessage
	if json.Unmarshal(a, &first) == nil && json.Unmarshal(b, &second) == nil {
		return encode(append(first, second...))
	}
	var one, two fields
	if json.Unmarshal(a, &one) != nil || json.Unmarshal(b, &two) != nil {
		return b
	}
	one["Keys"] = joined(one["Keys"], two["Keys"])
	return encode(one)
}

// partOfRecords removes records from a PutRecords; the answer reports them as
// throttled.
func partOfRecords(body []byte, random *rand.Rand) ([]byte, func(answer) answer) {
	var request fields
	var records, kept []json.RawMessage
	if json.Unmarshal(body, &request) != nil || json.Unmarshal(request["Records"], &records) != nil {
		return nil, nil
	}
	refused := make([]bool, len(records))
	for i, record := range records {
		if refused[i] = i > 0 && random.IntN(2) == 1; !refused[i] {
			kept = append(kept, record)
		}
	}
	if len(kept) == len(records) {
		return nil, nil
	}
	request["Records"] = encode(kept)
	return encode(request), func(a answer) answer { return addRefused(a, refused) }
}

func addRefused(a answer, refused []bool) answer {
	var body fields
	var done, all []json.RawMessage
	if a.status != http.StatusOK || json.Unmarshal(a.body, &body) != nil || json.Unmarshal(body["Records"], &done) != nil {
		return a
	}
	var failed int
	_ = json.Unmarshal(body["FailedRecordCount"], &failed) // 0 if absent
	for _, record := range refused {
		if record {
			failed++
			all = append(all, encode(map[string]string{
				"ErrorCode":    "ProvisionedThroughputExceededException",
				"ErrorMessage": injected,
			}))
		} else if len(done) > 0 {
			all, done = append(all, done[0]), done[1:]
		}
	}
	body["Records"], body["FailedRecordCount"] = encode(all), encode(failed)
	return changed(a, encode(body))
}

// changed returns an answer with another body.
func changed(a answer, body []byte) answer {
	header := a.header.Clone()
	if header.Get(checksum) != "" {
		header.Set(checksum, checksumOf(body))
	}
	return answer{a.status, header, body}
}

// encode encodes strings, numbers and values that came from JSON, which always
// succeeds.
func encode(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return raw
}
