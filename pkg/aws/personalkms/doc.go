// Package personalkms wraps the keys of data subjects with a key of AWS KMS, which never
// leaves the service.
//
// What lives here: the calls of KMS. What must not: rules about keys, which are package
// personal's, and the table of the wrapped keys, which package controldynamo reads.
package personalkms
