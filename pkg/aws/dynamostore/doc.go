// Package dynamostore is what the adapters on DynamoDB share: conditional puts
// that know what happened, reads page by page, batches that are carried through
// to their end, the size of items, and the encoding of large values.
//
// What lives here: knowledge of DynamoDB. What must not: keys and items of any
// contract, which are each adapter's own.
//
// Every table has the string keys "pk" and "sk". Every request asks for the
// capacity that it consumed; where a service does not say, the documented
// arithmetic counts.
package dynamostore
