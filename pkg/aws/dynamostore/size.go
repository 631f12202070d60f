package dynamostore

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ItemBytes is the size of an item as DynamoDB counts it: names and values, a
// number as one byte for two digits and one more, plus one for a sign
// (developer guide, "Item sizes and formats"). Items here hold strings, bytes
// and numbers only.
func ItemBytes(item Item) int {
	size := 0
	for name, value := range item {
		size += len(name) + valueBytes(value)
	}
	return size
}

func valueBytes(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 2
	}
	return 1
}
