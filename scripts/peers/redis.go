package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

const (
	key       = "bench"
	field     = "v"
	readCount = "1000"
)

// Redis' protocol by hand, so that a client library's habits do not blur the figure.
type redisBroker struct {
	in  *bufio.Reader
	out *bufio.Writer
	add []byte // the command that adds one record
}

func command(words ...string) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	return []byte(text.String())
}

func connectRedis(address string) (broker, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &redisBroker{bufio.NewReaderSize(conn, 1<<20), bufio.NewWriterSize(conn, 1<<18), command("XADD", key, "*", field, string(payload))}, nil
}

// Reads one answer, nested or not. Calls text for every string in it.
func (b *redisBroker) answer(text func([]byte)) error {
	line, err := b.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	kind, rest := line[0], string(line[1:len(line)-2])
	switch kind {
	case '-':
		return errors.New(rest)
	case '$', '*':
		size, err := strconv.Atoi(rest)
		if err != nil || size < 0 {
			return err
		}
		if kind == '*' {
			for i := 0; i < size; i++ {
				if err := b.answer(text); err != nil {
					return err
				}
			}
			return nil
		}
		return b.bulk(size, text)
	}
	return nil
}

func (b *redisBroker) bulk(size int, text func([]byte)) error {
	value, err := b.in.Peek(size + 2)
	if err != nil {
		return err
	}
	if text != nil {
		text(value[:size])
	}
	_, err = b.in.Discard(size + 2)
	return err
}

func (b *redisBroker) call(words ...string) error {
	_, _ = b.out.Write(command(words...))
	_ = b.out.Flush()
	return b.answer(nil)
}

func (b *redisBroker) prepare() error { return b.call("DEL", key) }

// A window of commands: what was answered is replaced once half of the window is free, as clients that pipeline do.
func (b *redisBroker) requests(records int) error {
	sent, done := 0, 0
	for done < records {
		for sent < records && sent-done < inFlight {
			_, _ = b.out.Write(b.add)
			sent++
		}
		if err := b.out.Flush(); err != nil {
			return err
		}
		for until := min(records, done+inFlight/2); done < until; done++ {
			if err := b.answer(nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// MULTI ... EXEC: what comes nearest to a batch. Some are under way at once.
func (b *redisBroker) batches(records int) error {
	const ahead = 5
	begin, end := command("MULTI"), command("EXEC")
	batches := records / batchRecords
	for sent, done := 0, 0; done < batches; {
		for ; sent < batches && sent-done < ahead; sent++ {
			_, _ = b.out.Write(begin)
			for i := 0; i < batchRecords; i++ {
				_, _ = b.out.Write(b.add)
			}
			_, _ = b.out.Write(end)
		}
		if err := b.out.Flush(); err != nil {
			return err
		}
		for i := 0; i < batchRecords+2; i++ {
			if err := b.answer(nil); err != nil {
				return err
			}
		}
		done++
	}
	return nil
}

func (b *redisBroker) single() error {
	_, _ = b.out.Write(b.add)
	_ = b.out.Flush()
	return b.answer(nil)
}

func (b *redisBroker) consume(records int) error {
	last, seen := "0-0", 0
	for seen < records {
		before := seen
		_, _ = b.out.Write(command("XREAD", "COUNT", readCount, "STREAMS", key, last))
		_ = b.out.Flush()
		err := b.answer(func(text []byte) {
			if len(text) == recordBytes {
				seen++
			} else if string(text) != key && string(text) != field {
				last = string(text) // all else in the answer are ids
			}
		})
		if err != nil {
			return err
		}
		if seen == before {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}
