package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	stream     = "BENCH"
	subject    = "bench.records"
	natsWithin = 60 * time.Second
	// Batches that are committed but not yet answered.
	batchesInFlight = 5
)

type natsBroker struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

func connectNats(address string) (broker, error) {
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(inFlight))
	return &natsBroker{conn, js}, err
}

// By hand, since older clients do not know "allow_atomic"; older servers ignore it.
func (b *natsBroker) prepare() error {
	_, _ = b.conn.Request("$JS.API.STREAM.DELETE."+stream, nil, natsWithin)
	config, _ := json.Marshal(map[string]any{
		"name": stream, "subjects": []string{subject}, "storage": "file", "retention": "limits",
		"num_replicas": 1, "allow_atomic": true,
	})
	answer, err := b.conn.Request("$JS.API.STREAM.CREATE."+stream, config, natsWithin)
	if err != nil {
		return err
	}
	return failureIn(answer.Data)
}

func failureIn(answer []byte) error {
	var said struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return fmt.Errorf("not an answer: %q", answer)
	}
	if said.Error != nil {
		return errors.New(said.Error.Description)
	}
	return nil
}

func (b *natsBroker) requests(records int) error {
	last := make([]jetstream.PubAckFuture, 0, records)
	for i := 0; i < records; i++ {
		future, err := b.js.PublishAsync(subject, payload, jetstream.WithStallWait(natsWithin))
		if err != nil {
			return err
		}
		last = append(last, future)
	}
	for _, future := range last {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return err
		case <-time.After(natsWithin):
			return errors.New("no answer")
		}
	}
	return nil
}

// Atomic batches: only the last message of each is answered, once all of it is stored.
func (b *natsBroker) batches(records int) error {
	inbox := b.conn.NewRespInbox()
	answers, err := b.conn.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = answers.Unsubscribe() }()
	await := func() error {
		answer, err := answers.NextMsg(natsWithin)
		if err != nil {
			return err
		}
		return failureIn(answer.Data)
	}
	open := 0
	for batch := 0; batch < records/batchRecords; batch++ {
		id := "b" + strconv.Itoa(batch)
		for i := 1; i <= batchRecords; i++ {
			message := nats.NewMsg(subject)
			message.Data = payload
			message.Header["Nats-Batch-Id"] = []string{id}
			message.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i)}
			if i == batchRecords {
				message.Header["Nats-Batch-Commit"] = []string{"1"}
				message.Reply = inbox
			}
			if err := b.conn.PublishMsg(message); err != nil {
				return err
			}
		}
		if open++; open == batchesInFlight {
			if err := await(); err != nil {
				return err
			}
			open--
		}
	}
	for ; open > 0; open-- {
		if err := await(); err != nil {
			return err
		}
	}
	return nil
}

func (b *natsBroker) single() error {
	_, err := b.js.Publish(context.Background(), subject, payload)
	return err
}

func (b *natsBroker) consume(records int) error {
	consumer, err := b.js.OrderedConsumer(context.Background(), stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	all := make(chan struct{})
	seen := 0
	reading, err := consumer.Consume(func(message jetstream.Msg) {
		if len(message.Data()) == recordBytes {
			seen++
		}
		if seen == records {
			close(all)
		}
	}, jetstream.PullMaxMessages(10_000))
	if err != nil {
		return err
	}
	defer reading.Stop()
	select {
	case <-all:
		return nil
	case <-time.After(natsWithin):
		return fmt.Errorf("only some of %d records came", records)
	}
}
