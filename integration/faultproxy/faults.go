package faultproxy

import (
	"context"
	"hash/crc32"
	"net/http"
	"strconv"
	"time"
)

// ServeHTTP forwards a request, unless a fault is drawn for it.
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
		reset(w)
	case ResetAfter:
		_, _ = p.forward(r.Context(), c, c.body) // the client sees the same if this fails
		reset(w)
	case Hang, Late:
		p.hang(w, r, c, fault == Late)
	default:
		p.pass(w, r, c, fault, seed)
	}
}

// pass forwards a request once, twice or in part. If the service cannot be reached,
// it breaks the connection.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, c call, fault Fault, seed uint64) {
	body, complete := c.body, func(a answer) answer { return a }
	if fault == Partial {
		body, complete = part(c, seed)
	}
	a, err := p.forward(r.Context(), c, body)
	if err == nil && fault == Twice {
		_, err = p.forward(r.Context(), c, c.body)
	}
	if err != nil {
		reset(w)
		return
	}
	write(w, complete(a))
}

// hang waits until the client gives up, at most for the configured time. If late is
// set, the request then takes effect.
func (p *Proxy) hang(w http.ResponseWriter, r *http.Request, c call, late bool) {
	timer := time.NewTimer(p.config.HangTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-p.ended:
	}
	reset(w)
	if late {
		// The client has cancelled the request's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
		defer cancel()
		_, _ = p.forward(ctx, c, c.body) // no client waits for the outcome
	}
}

// injected is the message of every injected error.
const injected = "injected by the fault proxy"

// refusal is an error as AWS JSON writes it, or REST for Lambda.
func refusal(c call, status int, name string) answer {
	header := http.Header{"Content-Type": {c.request.Header.Get("Content-Type")}, "X-Amzn-Errortype": {name}}
	body := encode(map[string]string{"__type": name, "message": injected, "Message": injected})
	if c.service == "DynamoDB" {
		header.Set(checksum, checksumOf(body))
	}
	return answer{status, header, body}
}

// checksum is the header in which DynamoDB sends the checksum of every body, even of
// a refusal. Its clients report an error without it.
const checksum = "X-Amz-Crc32"

func checksumOf(body []byte) string {
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
}

// throttled is the error with which a service throttles.
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

// isData reports whether a Kinesis operation is about records, whose error names
// the throughput, instead of streams, whose error names a limit.
func isData(operation string) bool {
	switch operation {
	case "PutRecord", "PutRecords", "GetRecords", "GetShardIterator":
		return true
	}
	return false
}

func internalNames() map[string]string {
	return map[string]string{
		"DynamoDB":         "com.amazonaws.dynamodb.v20120810#InternalServerError",
		"Kinesis":          "InternalFailure",
		"AWSStepFunctions": "InternalFailure",
		"Lambda":           "ServiceException",
	}
}
