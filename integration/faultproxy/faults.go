package faultproxy

import (
	"context"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"strconv"
	"time"
)

// ServeHTTP passes a request on, unless a fault is drawn for it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		return
	}
	defer p.work.Done()
	c, err := readCall(r)
	if err != nil {
		return // the client is gone
	}
	p.observe(c)
	if p.refused(c) {
		write(w, throttled(c))
		return
	}
	fault, seed := p.decide(c.operation)
	switch fault {
	case Throttle:
		write(w, throttled(c))
	case Internal:
		write(w, refusal(c, http.StatusInternalServerError, internalNames()[c.service]))
	case ResetBefore:
		p.broken(w, nil)
	case ResetAfter:
		_, err := p.forward(r.Context(), c, c.body)
		p.broken(w, err)
	case Hang, Late:
		p.hang(w, r, c, fault == Late)
	default:
		p.pass(w, r, c, fault, seed)
	}
}

// pass forwards a request once, twice or in part.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, c call, fault Fault, seed uint64) {
	body, mend := c.body, func(a answer) answer { return a }
	if fault == Partial {
		body, mend = part(c, seed)
	}
	a, err := p.forward(r.Context(), c, body)
	if err == nil && fault == Twice {
		_, err = p.forward(r.Context(), c, c.body)
	}
	if err != nil {
		p.broken(w, err)
		return
	}
	write(w, mend(a))
}

// broken breaks the connection. That the service was not reached breaks it too,
// and the client cannot tell.
func (p *Proxy) broken(w http.ResponseWriter, _ error) { _ = reset(w) }

// hang waits until the client gives up, at most for the configured time.
func (p *Proxy) hang(w http.ResponseWriter, r *http.Request, c call, late bool) {
	timer := time.NewTimer(p.config.HangTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-p.ended:
	}
	p.broken(w, nil)
	if late {
		// Its client is gone, so that the effect must not hang on its context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
		defer cancel()
		_, _ = p.forward(ctx, c, c.body) // nobody is left to be told
	}
}

// refusal is an error in the shape of AWS JSON, or of REST for Lambda.
func refusal(c call, status int, name string) answer {
	header := http.Header{"Content-Type": {c.request.Header.Get("Content-Type")}, "X-Amzn-Errortype": {name}}
	body, err := json.Marshal(map[string]string{"__type": name, "message": "injected by the fault proxy", "Message": "injected by the fault proxy"})
	if err != nil {
		body = nil // texts always have a JSON form
	}
	if c.service == "DynamoDB" {
		header.Set(checksum, checksumOf(body))
	}
	return answer{status, header, body}
}

// checksum is the header in which DynamoDB says what its body sums up to, for
// refusals too. A client complains where it is missing.
const checksum = "X-Amz-Crc32"

func checksumOf(body []byte) string {
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
}

// throttled is each service's way of saying that too much comes.
func throttled(c call) answer {
	status, name := http.StatusBadRequest, "ThrottlingException"
	switch c.service {
	case "DynamoDB":
		name = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
	case "Kinesis":
		if name = "LimitExceededException"; isData(c.operation) {
			name = "ProvisionedThroughputExceededException"
		}
	case "Lambda":
		status, name = http.StatusTooManyRequests, "TooManyRequestsException"
	}
	return refusal(c, status, name)
}

// isData reports whether an operation of Kinesis is one on records, which have
// a throughput, or one on streams, which have a limit.
func isData(operation string) bool {
	switch operation {
	case "PutRecord", "PutRecords", "GetRecords", "GetShardIterator":
		return true
	}
	return false
}

func internalNames() map[string]string {
	return map[string]string{
		"DynamoDB": "com.amazonaws.dynamodb.v20120810#InternalServerError", "Kinesis": "InternalFailure",
		"AWSStepFunctions": "InternalFailure", "Lambda": "ServiceException",
	}
}
