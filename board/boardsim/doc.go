// Package boardsim is a board without hardware: parts modelled register by
// register on periph's own bus interfaces, so that unmodified drivers work on
// them, and outputs that only remember.
//
// A [BME280] is a part. A [Bus] holds parts by their address; a [Board] holds
// buses by their device name and the lines of outputs, and implements
// board.Buses and board.Lines; [NewDemoBoard] makes one that is ready to use. Faults are made on demand: BME280.SetFault for
// one part, Bus.Unplug for an adapter. They fail with the errors, and so the
// hints, of the real board.
//
// A part measures by package time, which is virtual under testing/synctest.
//
// # Limits
//
// A transfer takes no time and a part has no noise. Of the BME280, forced and
// normal mode, oversampling set to off, reset and the loss of power are
// modelled; the filter and the standby time are registers without effect. Only
// I²C is modelled.
package boardsim
