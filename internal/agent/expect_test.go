package agent

import (
	"testing"
	"time"

	"fieldpost/internal/config"
)

// What the part can measure stays known when the configuration adds to it.
func TestExpectations(t *testing.T) {
	c, problems := config.Parse("", []byte(`version = 1
[[bus]]
name = "b"
device = "/dev/i2c-1"
[[sensor]]
name = "in"
source = "bme280"
bus = "b"
[[sensor.value]]
name = "temperature"
offset = -0.4
max = 50
stuck_after = "1h"
[[sensor]]
name = "me"
source = "host"
[[sensor.value]]
name = "tmp105_temp1"
gain = 2
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	in := expectations(c.Sensors[0])
	if len(in) != 3 || in[0].Name != "temperature" || in[0].Lo != -40 || in[0].Hi != 85 ||
		in[0].Calibration.Offset != -0.4 || in[0].Calibration.Gain != 1 || *in[0].Max != 50 || in[0].Min != nil || in[0].StuckAfter != time.Hour {
		t.Errorf("%+v", in)
	}
	if in[1].Name != "pressure" || in[1].Hi != 1100 || in[1].Calibration.Offset != 0 {
		t.Errorf("%+v", in[1])
	}
	me := expectations(c.Sensors[1])
	if last := me[len(me)-1]; last.Name != "tmp105_temp1" || last.Calibration.Gain != 2 {
		t.Errorf("%+v", last)
	}
}
