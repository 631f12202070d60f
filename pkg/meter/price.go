package meter

// Prices are in US dollars per million units.
type Prices struct {
	WriteUnits  float64
	ReadUnits   float64
	PutUnits    float64
	Transitions float64
}

// OnDemand returns the prices of us-east-1 in autumn 2026, from the price pages
// of the services: DynamoDB on demand, standard table class; Kinesis Data
// Streams, provisioned, PUT payload units; Step Functions, Standard workflows.
// They do not include shard hours, storage, Lambda and transfer.
func OnDemand() Prices {
	return Prices{WriteUnits: 0.625, ReadUnits: 0.125, PutUnits: 0.014, Transitions: 25}
}

// Cost is the price of a usage in US dollars.
func (p Prices) Cost(u Usage) float64 {
	return (u.WriteUnits*p.WriteUnits + u.ReadUnits*p.ReadUnits +
		u.PutUnits*p.PutUnits + u.Transitions*p.Transitions) / 1e6
}
