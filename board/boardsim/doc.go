// Package boardsim is a board without hardware: parts modelled register by
// register on periph's own bus interfaces, so that unmodified drivers work on
// them, outputs that only remember, and inputs that a test drives.
//
// A [BME280] is a part, and so are [BMP180], [Thermometer], [Hygrometer], [SCD4x],
// [INA219], [ADS1115] and [BH1750]. A [DS2482] is one too, and has lines for any
// number of [DS18B20]. A [Port] has one of Bosch's on SPI. A [Bus] holds parts by their address; a
// [Board] holds buses by their device name and the lines of outputs and inputs,
// and implements board.Buses, board.Lines and board.Inputs; [NewDemoBoard] makes
// one that is ready to use. Faults are made on demand: SetFault for one part,
// PowerCycle for its supply, Bus.Unplug for an adapter. They fail with the errors,
// and so the hints, of the real board.
//
// A part measures by package time, which is virtual under testing/synctest.
//
// # Limits
//
// A transfer takes no time and a part has no noise. Of the BME280, forced and
// normal mode, oversampling set to off, reset and the loss of power are
// modelled; the filter and the standby time are registers without effect. Of the
// others, what their drivers use is modelled, and what they forget with their
// supply. A part has no alarms, and reads as after its reset until it has measured again. I²C is modelled, 1-wire behind a
// bridge, and of SPI what Bosch's parts say.
package boardsim
