// Package bme280 reads Bosch's environmental sensors BME280, BMP280 and BMP180
// over I²C: temperature, pressure and, for the BME280, relative humidity.
//
// The part sits at address 0x76, or 0x77 with SDO high. The driver is periph's
// devices/v3/bmxx80, unmodified; [Open] makes an opener for it.
// A BMP180 is always at 0x77.
// Datasheets: BST-BME280-DS002, BST-BMP280-DS001, BST-BMP180-DS000.
//
// Values are temperature in Cel, humidity in % and pressure in hPa.
//
// # What is guarded
//
// Only single measurements are used: the driver's continuous mode can deadlock
// when it is ended. The driver asks a busy part again without pause and without
// end; its transfers go through package chip, which slows such asking down and
// fails it, and keeps the bus errors with their types, which the driver turns into
// text. What it reads is looked at too: nothing but 0xFF or 0x00 in a frame or in the
// calibration, which would spoil all that is measured from then on, means that nobody
// drives the bus or that it is held low; a measurement that reads as switched off, and
// settings that are gone after it, mean that the part lost its supply, so it is set up
// again on the spot. A BMP180 is asked whether it is done, which the driver does not,
// and what it says before it has measured is believed when it says it twice.
package bme280
