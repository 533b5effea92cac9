package bme280_test

import (
	"context"
	"fmt"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/sensors/bme280"
)

// One sample of a BME280, here on a simulated board; board.Host gives the real
// one.
func Example() {
	part := boardsim.NewBME280()
	part.Set(21.5, 44, 1013.2)
	bus := boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{0x76: part})
	b := boardsim.New(boardsim.Options{Buses: []*boardsim.Bus{bus}})

	source, err := bme280.Open(board.BusOpener(b, "/dev/i2c-1"), 0x76)(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer source.Close()
	values, err := source.Sense(context.Background())
	for _, v := range values {
		fmt.Printf("%s %.1f %s %v\n", v.Name, v.Num, v.Unit, v.Quality)
	}
	fmt.Println(err)

	// Output:
	// temperature 21.5 Cel good
	// pressure 1013.2 hPa good
	// humidity 44.0 % good
	// <nil>
}
