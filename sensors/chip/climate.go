package chip

import (
	"periph.io/x/conn/v3/physic"

	"fieldpost/sensors"
)

// Climate converts what a driver of temperature and humidity gave.
func Climate(e physic.Env) []sensors.Value {
	return []sensors.Value{
		{Name: "temperature", Unit: "Cel", Num: e.Temperature.Celsius()},
		{Name: "humidity", Unit: "%", Num: float64(e.Humidity) / float64(physic.PercentRH)},
	}
}
