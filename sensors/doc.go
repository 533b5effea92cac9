// Package sensors turns sensors into readings: when to ask, how long to wait
// for an answer, what to believe of it, and what to do when there is none.
//
// A [Source] is one sensor that can be asked; an [Opener] makes it, at first and
// again after failures. A [Sensor] names one and says how often. The [Sampler]
// owns one bus: its Run samples every sensor of the bus on a fixed grid, one
// after the other, and hands each [Reading] to SamplerOptions.Out. [State] tells
// how each sensor is doing. The families of sources are packages of their own
// below this one; package catalog is the table of them.
//
// # Promises
//
// No sensor ends a sampler. A source that fails is asked again, with growing
// pauses and without end, and rebuilt through its Opener after three failures
// in a row. A source that panics has failed. A call that does not come back
// within the deadline is abandoned: drivers cannot be cancelled, so the bus is
// shown as hung and stays untouched until the call returns, then sampling goes
// on. Other buses have their own samplers and notice nothing.
//
// A tick is served late until the next one is due; after that it is counted in
// State.Missed and never made up for. A value that cannot be right is marked, by
// one table of ranges and by what its sensor is told to [Expect], and travels on
// with its quality and a reason; a value that a source marked itself keeps its
// mark, except that what is no number at all is always [Bad]. What a value is
// calibrated with is applied behind the range of the part and ahead of the rest.
//
// # Limits
//
// A call that never returns holds one goroutine, and one thread if it hangs in
// the kernel, until the process ends: one per bus at most. Times between
// samples are package time's, so the grid does not move when the wall clock is
// set. These stand still in suspend: what the injected clock's boot time is ahead
// of them is made up for, so that ticks of a suspend are missed and the next ones
// come in time, or a minute late when they follow upon it.
package sensors
