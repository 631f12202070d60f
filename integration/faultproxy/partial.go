package faultproxy

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
)

// part takes some requests out of a batch, and returns what is left and a
// function that adds to the answer that those were not done. What is no batch,
// or a batch of one, passes as it is.
func part(c call, seed uint64) ([]byte, func(answer) answer) {
	random := rand.New(rand.NewPCG(seed, 1))
	var body []byte
	var mend func(answer) answer
	switch c.service + "." + c.operation {
	case "DynamoDB.BatchWriteItem":
		body, mend = partOfTables(c.body, random, "UnprocessedItems", split)
	case "DynamoDB.BatchGetItem":
		body, mend = partOfTables(c.body, random, "UnprocessedKeys", splitKeys)
	case "Kinesis.PutRecords":
		body, mend = partOfRecords(c.body, random)
	}
	if mend == nil {
		return c.body, func(a answer) answer { return a }
	}
	return body, mend
}

type fields = map[string]json.RawMessage

// split divides a list: kept is not empty.
func split(raw json.RawMessage, random *rand.Rand) (kept, left json.RawMessage) {
	var list, stay, away []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return raw, nil
	}
	for i, member := range list {
		if i == 0 || random.IntN(2) == 0 {
			stay = append(stay, member)
		} else {
			away = append(away, member)
		}
	}
	if len(away) == 0 {
		return raw, nil
	}
	return encode(stay), encode(away)
}

// splitKeys divides the keys of a BatchGetItem for one table and repeats what
// stands beside them.
func splitKeys(raw json.RawMessage, random *rand.Rand) (kept, left json.RawMessage) {
	var stay, rest fields
	if json.Unmarshal(raw, &stay) != nil || json.Unmarshal(raw, &rest) != nil {
		return raw, nil
	}
	stay["Keys"], rest["Keys"] = split(stay["Keys"], random)
	if rest["Keys"] == nil {
		return raw, nil
	}
	return encode(stay), encode(rest)
}

func partOfTables(body []byte, random *rand.Rand, unprocessed string,
	divide func(json.RawMessage, *rand.Rand) (json.RawMessage, json.RawMessage),
) ([]byte, func(answer) answer) {
	var request, tables fields
	if json.Unmarshal(body, &request) != nil || json.Unmarshal(request["RequestItems"], &tables) != nil {
		return nil, nil
	}
	left := fields{}
	for name, raw := range tables {
		kept, rest := divide(raw, random)
		tables[name] = kept
		if rest != nil {
			left[name] = rest
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	request["RequestItems"] = encode(tables)
	return encode(request), func(a answer) answer { return addUnprocessed(a, unprocessed, left) }
}

// addUnprocessed names what was left out. An answer that is itself partial for
// the same table stays as it is but for the others: the client asks again for
// what it finds named, and would miss the rest, so both are joined.
func addUnprocessed(a answer, name string, left fields) answer {
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
	for table, rest := range left {
		already[table] = joined(already[table], rest)
	}
	body[name] = encode(already)
	return changed(a, encode(body))
}

// joined puts two lists, or two objects with lists of keys, together.
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

// partOfRecords leaves records out of a PutRecords; their places in the answer
// say that they were throttled.
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
	failed := 0
	for _, is := range refused {
		if is {
			failed++
			all = append(all, encode(map[string]string{"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "injected by the fault proxy"}))
		} else if len(done) > 0 {
			all, done = append(all, done[0]), done[1:]
		}
	}
	var before int
	_ = json.Unmarshal(body["FailedRecordCount"], &before) // 0 where absent
	body["Records"], body["FailedRecordCount"] = encode(all), encode(failed+before)
	return changed(a, encode(body))
}

// changed is an answer with another body.
func changed(a answer, body []byte) answer {
	header := a.header.Clone()
	if header.Get(checksum) != "" {
		header.Set(checksum, checksumOf(body))
	}
	return answer{a.status, header, body}
}

// encode is for values that came from JSON.
func encode(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}
