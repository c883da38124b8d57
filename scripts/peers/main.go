// The same work on other brokers: `peers nats|redis --address HOST:PORT [--records N]`. Prints a JSON document for each kind of work.
// The server is started by scripts/bench_peers; this is its client: one connection, no tricks that its users would not have.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"time"
)

const (
	recordBytes  = 100
	inFlight     = 1000
	batchRecords = 1000
)

// One kind of work and what it came to.
type result struct {
	Work          string  `json:"work"` // requests, batches, single, consume
	RecordsPerS   float64 `json:"records_per_s"`
	P50Us         float64 `json:"p50_us,omitempty"`
	FailureReason string  `json:"failure,omitempty"`
}

// What each broker's driver offers.
type broker interface {
	prepare() error             // an empty stream
	requests(records int) error // a request for every record, `inFlight` of them unanswered
	batches(records int) error  // batches of `batchRecords`
	single() error              // one record, answered
	consume(records int) error  // from the beginning of what was published
}

var payload = bytes.Repeat([]byte("s"), recordBytes)

func timed(work string, records int, run func(int) error) result {
	start := time.Now()
	if err := run(records); err != nil {
		return result{Work: work, FailureReason: err.Error()}
	}
	return result{Work: work, RecordsPerS: float64(records) / time.Since(start).Seconds()}
}

func singles(records int, b broker) result {
	took := make([]float64, 0, records)
	start := time.Now()
	for i := 0; i < records; i++ {
		before := time.Now()
		if err := b.single(); err != nil {
			return result{Work: "single", FailureReason: err.Error()}
		}
		took = append(took, float64(time.Since(before).Nanoseconds())/1e3)
	}
	sort.Float64s(took)
	return result{Work: "single", RecordsPerS: float64(records) / time.Since(start).Seconds(), P50Us: took[len(took)/2]}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: peers nats|redis --address HOST:PORT [--records N] [--singles N]")
		os.Exit(2)
	}
	flags := flag.NewFlagSet("peers", flag.ExitOnError)
	address := flags.String("address", "", "HOST:PORT")
	records := flags.Int("records", 100_000, "records of each kind of work")
	requests := flags.Int("requests", 0, "records sent as a request each; default: as --records")
	one := flags.Int("singles", 1_000, "records sent one at a time")
	_ = flags.Parse(os.Args[2:])
	if *requests == 0 {
		*requests = *records
	}

	var b broker
	var err error
	switch os.Args[1] {
	case "nats":
		b, err = connectNats(*address)
	case "redis":
		b, err = connectRedis(*address)
	default:
		err = fmt.Errorf("no such broker: %s", os.Args[1])
	}
	if err == nil {
		err = b.prepare()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
	print := json.NewEncoder(os.Stdout)
	stored := *records / batchRecords * batchRecords
	_ = print.Encode(timed("requests", *requests, b.requests))
	_ = print.Encode(singles(*one, b))
	_ = b.prepare()
	_ = print.Encode(timed("batches", stored, b.batches))
	_ = print.Encode(timed("consume", stored, b.consume))
}
