package dynamostore

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ItemBytes is the size of an item as DynamoDB counts it: names and values; a number
// takes one byte per two digits, one more, and one for a sign (developer guide, "Item
// sizes and formats"). Items may hold only strings, bytes and numbers.
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
