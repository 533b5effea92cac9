package catalog

const fourWires = "VDD to 3.3 V, GND to ground, SDA and SCL to those of the bus"

// chips lists the parts on an I²C bus.
func chips() []Source {
	return []Source{
		{
			Name: "bme280", Help: "Bosch BME280 or BMP280 on an I2C bus", Addresses: []uint16{0x76, 0x77},
			Values: []Value{
				value("temperature", "Cel", -40, 85),
				value("pressure", "hPa", 300, 1100),
				value("humidity", "%", 0, 100).telling("not of a BMP280"),
			},
			Wiring:    fourWires + "; CSB to 3.3 V; SDO to ground for 0x76, to 3.3 V for 0x77",
			Datasheet: "BST-BME280-DS002, BST-BMP280-DS001",
		},
	}
}
