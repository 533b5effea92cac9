package catalog

import "fieldpost/sensors"

const fourWires = "VDD to 3.3 V, GND to ground, SDA and SCL to those of the bus"

// between lists the addresses from lo to hi.
func between(lo, hi uint16) (all []uint16) {
	for a := lo; a <= hi; a++ {
		all = append(all, a)
	}
	return all
}

// chips lists the parts on an I²C bus.
func chips() []Source {
	bosch := func(name, help, datasheet string, values ...Value) Source {
		return Source{
			Name: name, Help: help + " on an I2C bus or an SPI port", Addresses: []uint16{0x76, 0x77}, SPI: true, Values: values, Datasheet: datasheet,
			Wiring: fourWires + "; CSB to 3.3 V; SDO to ground for 0x76, to 3.3 V for 0x77; on SPI: SCK, SDI (MOSI), SDO (MISO) and CSB to those of the port",
		}
	}
	temperature, pressure := value("temperature", "Cel", -40, 85), value("pressure", "hPa", 300, 1100)
	bme := bosch("bme280", "Bosch BME280 or BMP280", "BST-BME280-DS002, BST-BMP280-DS001",
		temperature, pressure, value("humidity", "%", 0, 100).telling("not of a BMP280"))
	bme.Notes = "On SPI the [[bus]] has kind = \"spi\" and a device such as /dev/spidev0.0, and the sensor no address."
	bmp180 := bosch("bmp180", "Bosch BMP180", "BST-BMP180-DS000", temperature, pressure)
	bmp180.Help, bmp180.Addresses, bmp180.SPI, bmp180.Wiring = "Bosch BMP180 on an I2C bus", []uint16{0x77}, false, fourWires
	return []Source{
		bme,
		bosch("bmp280", "Bosch BMP280", "BST-BMP280-DS001", temperature, pressure),
		bmp180,
		climate("aht20", "ASAIR AHT20", "AHT20 product manual A1", -40, 85, "", 0x38),
		climate("hdc302x", "TI HDC3020, HDC3021 or HDC3022", "SNAS793", -40, 125, "; ADDR and ADDR1 choose the address", between(0x44, 0x47)...),
		climate("sht3x", "Sensirion SHT30, SHT31 or SHT35", "SHT3x-DIS version 7", -40, 125, "; ADDR to ground for 0x44, to 3.3 V for 0x45", 0x44, 0x45),
		climate("sht4x", "Sensirion SHT40, SHT41 or SHT45", "SHT4x version 6.6", -40, 125, "; the address is that of the order number", between(0x44, 0x46)...),
		carbonDioxide(),
		thermometer("mcp9808", "Microchip MCP9808", "DS25095", -40, 125, "A0, A1 and A2", between(0x18, 0x1F)...),
		thermometer("tmp102", "TI TMP102", "SBOS397", -40, 125, "ADD0", between(0x48, 0x4B)...),
		thermometer("tmp75", "TI TMP75", "SBOS288", -40, 125, "A0, A1 and A2", between(0x48, 0x4F)...),
		thermometer("tmp105", "TI TMP105", "SBOS648", -40, 125, "A0", between(0x48, 0x4F)...),
		thermometer("lm75", "LM75", "SNIS153", -55, 125, "A0, A1 and A2", between(0x48, 0x4F)...),
		{
			Name: "ina219", Help: "TI INA219, a meter of voltage, current and power, on an I2C bus", Addresses: between(0x40, 0x4F),
			Keys: []string{"shunt"},
			Values: []Value{
				value("voltage", "V", 0, 26).telling("between VIN- and ground"),
				value("current", "A", 0, 0).telling("positive from VIN+ to VIN-; \"saturated\" from 0.32 V across the shunt"),
				value("power", "W", 0, 0).telling("with the sign of the current"),
			},
			Wiring:    fourWires + "; the shunt between VIN+ and VIN-, in the line to the load; A0 and A1 choose the address",
			Datasheet: "SBOS448G",
			Notes:     "A value is the average of 128 measurements in 68 ms. Bus voltages of up to 32 V are shown, the part bears 26.",
		},
		converter("ads1115", "TI ADS1115, 16 bits", "SBAS444"),
		converter("ads1015", "TI ADS1015, 12 bits", "SBAS473"),
		{
			Name: "bh1750", Help: "ROHM BH1750 on an I2C bus", Addresses: []uint16{0x23, 0x5C},
			Values:    []Value{value("illuminance", "lx", 0, 54612).telling("\"saturated\" at its end")},
			Wiring:    fourWires + "; ADDR to ground for 0x23, to 3.3 V for 0x5c",
			Datasheet: "BH1750FVI 2011.11 Rev.D",
			Notes:     "The sun at noon is brighter than the part can measure.",
		},
	}
}

// climate is a part that measures temperature and humidity.
func climate(name, help, datasheet string, lo, hi float64, wiring string, addresses ...uint16) Source {
	return Source{
		Name: name, Help: help + " on an I2C bus", Addresses: addresses,
		Values: []Value{value("temperature", "Cel", lo, hi), value("humidity", "%", 0, 100)},
		Wiring: fourWires + wiring, Datasheet: datasheet,
	}
}

func thermometer(name, help, datasheet string, lo, hi float64, pins string, addresses ...uint16) Source {
	return Source{
		Name: name, Help: help + " on an I2C bus", Addresses: addresses,
		Values: []Value{value("temperature", "Cel", lo, hi)},
		Wiring: fourWires + "; " + pins + " choose the address", Datasheet: datasheet,
	}
}

func carbonDioxide() Source {
	co2 := value("co2", "[ppm]", 400, 5000)
	co2.Sentinels = []sensors.Sentinel{{Num: 0, Reason: "not-measured"}}
	return Source{
		Name: "scd4x", Help: "Sensirion SCD40 or SCD41 on an I2C bus", Addresses: []uint16{0x62},
		Values: []Value{co2, value("temperature", "Cel", -10, 60), value("humidity", "%", 0, 100)},
		Wiring: fourWires + "; the supply must give 205 mA for a moment", Datasheet: "SCD4x version 1.4",
		Notes: "It measures every 5 s. Sampled more often, it gives a measurement again with its age, which max_age looks at. The part calibrates itself by the freshest air of a week.",
	}
}

func converter(name, help, datasheet string) Source {
	return Source{
		Name: name, Help: help + ", a converter of four voltages, on an I2C bus", Addresses: between(0x48, 0x4B),
		Channels: []string{"0", "1", "2", "3", "0-1", "0-3", "1-3", "2-3"},
		Wiring:   fourWires + "; ADDR to ground, VDD, SDA or SCL for 0x48 to 0x4b; no input above VDD",
		Notes: "Each [[sensor.value]] is one input, or the difference of two. Its gain, offset and table make what is measured of the voltage, such as bar of 0.5 to 4.5 V. " +
			"A voltage at the end of its range is \"saturated\".",
		Datasheet: datasheet,
		Example: `[[sensor.value]]
name = "pressure"
channel = "0"
unit = "bar"
range = 4.5
gain = 2.5
offset = -1.25
min = 0
max = 10
`,
	}
}
