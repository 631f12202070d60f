// Package controldynamo keeps the control table in DynamoDB.
//
// What lives here: the items of documents, and conditional writes. What must not:
// the meaning of any document. An item is
//
//	pk  partition
//	sk  sort key
//	v   version, 128 random bits as text
//	b   body: a string if it is text, else bytes; absent if empty
package controldynamo
