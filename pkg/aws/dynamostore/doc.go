// Package dynamostore is what the adapters on DynamoDB share: conditional puts with
// a known outcome, reads by page, batches with retries, the size of items, and the
// encoding of large values.
//
// What lives here: knowledge of DynamoDB. What must not: the keys and items of any
// contract, which belong to its adapter.
//
// Every table has the string keys "pk" and "sk". Every request asks for the capacity
// that it consumed; if an answer lacks it, the documented arithmetic counts.
package dynamostore
