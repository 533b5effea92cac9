package store_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// servantDir names the folder in which the test binary, started anew by root as
// another user, runs a store.
const servantDir = "FIELDPOST_STORE_SERVANT"

// serve runs a store and prints what a person would see: "broken HINT" when the file
// cannot be had, "open STORE RESET HINT" when it is, and each record that is in it.
func serve(dir string) {
	s := store.New(store.Options{Dir: dir})
	ctx, stop := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	t, err := s.Append(ctx, storetest.Rec(store.Alarm, "meanwhile"))
	for told := false; !s.Stats().Ready; {
		if st := s.Stats(); !told && st.LastError != "" {
			told = true
			fmt.Printf("broken %s\n", st.LastHint)
		}
		<-time.After(time.Millisecond)
	}
	if err = errors.Join(err, t.Durable(ctx)); err == nil {
		st := s.Stats()
		fmt.Printf("open %s %q %q\n", hex.EncodeToString(st.Store[:]), st.IdentityReset, st.IdentityHint)
		err = s.Export(ctx, func(r store.Record) error {
			fmt.Println("record", string(r.Body))
			return nil
		})
	}
	stop()
	if err = errors.Join(err, <-end); err != nil {
		fmt.Println(err)
	}
	os.Exit(0)
}
