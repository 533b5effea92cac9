package boardsim

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/bmxx80"

	"fieldpost/board"
)

// The worked example of BST-BMP280-DS001, section 3.12.
func TestCompensationOfTheDatasheet(t *testing.T) {
	tempC, fine := typical.temperature(519888)
	if math.Abs(tempC-25.08) > 0.005 {
		t.Errorf("temperature %v, want 25.08", tempC)
	}
	if pa := typical.pressure(415148, fine); math.Abs(pa-100653.27) > 0.05 {
		t.Errorf("pressure %v, want 100653.27", pa)
	}
	if raw, _ := typical.rawTemperature(tempC); raw != 519888 {
		t.Errorf("inverse of the temperature %v, want 519888", raw)
	}
	if raw := typical.rawPressure(typical.pressure(415148, fine), fine); raw != 415148 {
		t.Errorf("inverse of the pressure %v, want 415148", raw)
	}
}

// sense reads the part at 0x76 of bus with the unmodified driver.
func sense(t *testing.T, bus *Bus) (tempC, pct, hPa float64) {
	t.Helper()
	d, err := bmxx80.NewI2C(bus, 0x76, &bmxx80.DefaultOpts)
	if err != nil {
		t.Fatal(err)
	}
	var e physic.Env
	if err := d.Sense(&e); err != nil {
		t.Fatal(err)
	}
	return e.Temperature.Celsius(), float64(e.Humidity) / float64(physic.PercentRH), float64(e.Pressure) / float64(100*physic.Pascal)
}

func TestReadsBackThroughTheDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		part := NewBME280()
		bus := NewBus("/dev/i2c-1", map[uint16]Part{0x76: part})
		for _, c := range [][3]float64{
			{21.5, 44, 1013.2}, {-40, 10, 1100}, {85, 90, 300}, {0, 0, 950}, {30.07, 99.5, 1000}, {-10.1, 55, 870.5}, {60, 20, 700},
		} {
			part.Set(c[0], c[1], c[2])
			tempC, pct, hPa := sense(t, bus)
			if math.Abs(tempC-c[0]) > 0.02 || math.Abs(pct-c[1]) > 0.1 || math.Abs(hPa-c[2]) > 0.1 {
				t.Errorf("set %v, read %.3f °C %.3f %% %.3f hPa", c, tempC, pct, hPa)
			}
		}
	})
}

func TestForcedModeTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBME280()
		tx := func(w ...byte) byte {
			t.Helper()
			r := make([]byte, 1)
			if len(w) == 1 {
				if err := p.Tx(w, r); err != nil {
					t.Fatal(err)
				}
			} else if err := p.Tx(w, nil); err != nil {
				t.Fatal(err)
			}
			return r[0]
		}
		if id := tx(regID); id != chipID {
			t.Errorf("id %#x", id)
		}
		tx(regCtrlHum, 1, regCtrlMeas, 1<<5|1<<2|1)
		if tx(regStatus)&measuring == 0 {
			t.Error("not measuring after forced mode was set")
		}
		if tx(regData+3) != skipped20Bit>>12 {
			t.Error("data before the measurement has ended")
		}
		time.Sleep(9 * time.Millisecond)
		if tx(regStatus)&measuring != 0 || tx(regCtrlMeas)&modeMask != 0 {
			t.Error("still measuring after 9 ms at oversampling 1")
		}
		if tx(regData+3) == skipped20Bit>>12 || tx(regData+6) == skipped16Bit>>8 {
			t.Error("no data after the measurement")
		}
		tx(regReset, resetWord)
		if tx(regData+3) != skipped20Bit>>12 || tx(regCtrlHum) != 0 {
			t.Error("reset kept data or settings")
		}
	})
}

// The register may be named in one transfer and read in the next (section 6.2.2).
func TestRegisterNamedBeforeItIsRead(t *testing.T) {
	for _, p := range []Part{NewBME280(), NewBMP180()} {
		var together, apart [2]byte
		reg := []byte{0xAA} // calibration of the BMP180
		if _, ok := p.(*BME280); ok {
			reg[0] = regCalib1
		}
		if err := errors.Join(p.Tx(reg, together[:]), p.Tx([]byte{regID}, nil), p.Tx(reg, nil), p.Tx(nil, apart[:])); err != nil {
			t.Fatal(err)
		}
		if apart != together || apart == [2]byte{} {
			t.Errorf("%T: read apart %x, together %x", p, apart, together)
		}
	}
}

func TestHumidityNeedsItsControlWrittenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBME280()
		raw := func() uint16 {
			var r [2]byte
			_ = p.Tx([]byte{regData + 6}, r[:])
			return uint16(r[0])<<8 | uint16(r[1])
		}
		_ = p.Tx([]byte{regCtrlMeas, 1<<5 | 1<<2 | 1, regCtrlHum, 1}, nil)
		time.Sleep(time.Second)
		if raw() != skipped16Bit {
			t.Error("ctrl_hum took effect without a write to ctrl_meas")
		}
		_ = p.Tx([]byte{regCtrlMeas, 1<<5 | 1<<2 | 1}, nil)
		time.Sleep(time.Second)
		if raw() == skipped16Bit {
			t.Error("humidity still off")
		}
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBME280()
		bus := NewBus("/dev/i2c-1", map[uint16]Part{0x76: p})
		read := func() (byte, error) {
			var r [1]byte
			err := bus.Tx(0x76, []byte{regID}, r[:])
			return r[0], err
		}
		p.SetFault(Absent)
		if _, err := read(); !errors.Is(err, board.ErrNoAck) {
			t.Errorf("absent: %v", err)
		}
		p.SetFault(Corrupt)
		if id, err := read(); id != 0xFF || err != nil {
			t.Errorf("corrupt: %#x, %v", id, err)
		}
		p.SetFault(StuckBusy)
		_ = bus.Tx(0x76, []byte{regCtrlMeas, 1<<5 | 1}, nil)
		time.Sleep(time.Hour)
		var status [1]byte
		if _ = bus.Tx(0x76, []byte{regStatus}, status[:]); status[0]&measuring == 0 {
			t.Error("stuck busy, and yet it ended")
		}
		p.SetFault(Hang)
		done := make(chan error)
		go func() { _, err := read(); done <- err }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("a hung transfer returned")
		default:
		}
		p.SetFault(NoFault)
		if err := <-done; err != nil {
			t.Errorf("after the hang: %v", err)
		}
	})
}
