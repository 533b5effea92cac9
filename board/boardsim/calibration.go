package boardsim

// calibration holds the trimming parameters of one BME280 (section 4.2.2).
type calibration struct {
	t1                     uint16
	t2, t3                 int16
	p1                     uint16
	p2, p3, p4, p5, p6, p7 int16
	p8, p9                 int16
	h1, h3                 uint8
	h2, h4, h5             int16
	h6                     int8
}

// typical has the temperature and pressure parameters of the worked example in
// Bosch's BST-BMP280-DS001, section 3.12, and usual humidity parameters.
var typical = calibration{
	t1: 27504, t2: 26435, t3: -1000,
	p1: 36477, p2: -10685, p3: 3024, p4: 2855, p5: 140, p6: -7, p7: 15500, p8: -14600, p9: 6000,
	h1: 75, h2: 362, h3: 0, h4: 313, h5: 50, h6: 30,
}

// block1 is the content of registers 0x88..0xA1.
func (c calibration) block1() []byte {
	var b []byte
	for _, v := range []uint16{
		c.t1, uint16(c.t2), uint16(c.t3),
		c.p1, uint16(c.p2), uint16(c.p3), uint16(c.p4), uint16(c.p5), uint16(c.p6), uint16(c.p7), uint16(c.p8), uint16(c.p9),
	} {
		b = append(b, byte(v), byte(v>>8))
	}
	return append(b, 0, c.h1)
}

// block2 is the content of registers 0xE1..0xE7; H4 and H5 share 0xE5.
func (c calibration) block2() []byte {
	return []byte{
		byte(c.h2), byte(uint16(c.h2) >> 8), c.h3,
		byte(c.h4 >> 4), byte(c.h4&0xF) | byte(c.h5&0xF)<<4, byte(c.h5 >> 4),
		byte(c.h6),
	}
}

// The compensation of section 4.2.3 in its floating-point form (appendix A,
// 8.1), raw value to physical value. Drivers use the integer form, so a reading
// through one checks both.

func (c calibration) temperature(raw uint32) (tempC, fine float64) {
	x := float64(raw)
	d := x/131072 - float64(c.t1)/8192
	fine = (x/16384-float64(c.t1)/1024)*float64(c.t2) + d*d*float64(c.t3)
	return fine / 5120, fine
}

func (c calibration) pressure(raw uint32, fine float64) (pa float64) {
	x := fine/2 - 64000
	y := x * x * float64(c.p6) / 32768
	y += x * float64(c.p5) * 2
	y = y/4 + float64(c.p4)*65536
	x = (float64(c.p3)*x*x/524288 + float64(c.p2)*x) / 524288
	x = (1 + x/32768) * float64(c.p1)
	if x == 0 {
		return 0
	}
	pa = (1048576 - float64(raw) - y/4096) * 6250 / x
	return pa + (float64(c.p9)*pa*pa/2147483648+pa*float64(c.p8)/32768+float64(c.p7))/16
}

func (c calibration) humidity(raw uint32, fine float64) (pct float64) {
	h := fine - 76800
	h = (float64(raw) - (float64(c.h4)*64 + float64(c.h5)/16384*h)) *
		(float64(c.h2) / 65536 * (1 + float64(c.h6)/67108864*h*(1+float64(c.h3)/67108864*h)))
	return h * (1 - float64(c.h1)*h/524288)
}

// The inverse: the raw value that compensates to the physical value nearest to
// the one wanted.

func (c calibration) rawTemperature(tempC float64) (raw uint32, fine float64) {
	raw = nearest(1<<20-1, tempC, func(raw uint32) float64 { t, _ := c.temperature(raw); return t })
	_, fine = c.temperature(raw)
	return raw, fine
}

func (c calibration) rawPressure(pa, fine float64) uint32 {
	return nearest(1<<20-1, -pa, func(raw uint32) float64 { return -c.pressure(raw, fine) })
}

func (c calibration) rawHumidity(pct, fine float64) uint32 {
	return nearest(1<<16-1, pct, func(raw uint32) float64 { return c.humidity(raw, fine) })
}

// nearest finds by bisection the raw value in 0..top for which f, which rises,
// comes nearest to want.
func nearest(top uint32, want float64, f func(uint32) float64) uint32 {
	lo, hi := uint32(0), top
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if f(mid) < want {
			lo = mid
		} else {
			hi = mid
		}
	}
	if want-f(lo) < f(hi)-want {
		return lo
	}
	return hi
}
