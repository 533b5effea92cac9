package store_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"fieldpost/store"
)

func Example() {
	dir, err := os.MkdirTemp("", "queue")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s := store.New(store.Options{Dir: dir})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()

	ticket, err := s.Append(ctx, store.Record{
		ID: store.ID{Class: store.Alarm}, Kind: store.KindEvent, ContentType: "application/json", Body: []byte(`{"door":"open"}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("durable:", ticket.Durable(ctx))

	lease, err := s.Next(ctx, store.Want{Records: 10})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range lease.Records() {
		fmt.Printf("%s %d: %s\n", r.Class, r.Seq, r.Body)
	}
	lease.Ack()
	p := s.Stats().PerClass[store.Alarm]
	fmt.Println("produced", p.Produced, "delivered", p.Delivered, "queued", p.Queued)

	stop()
	fmt.Println("ended:", <-ended)
	// Output:
	// durable: <nil>
	// alarm 1: {"door":"open"}
	// produced 1 delivered 1 queued 0
	// ended: <nil>
}
