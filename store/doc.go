// Package store is the offline queue: what a gateway measured, answered or lost
// waits here until the hub has accepted it.
//
// A [Store] lives in one folder, in one bbolt file. [Store.Append] gives a [Record]
// its [ID] and a [Ticket]; [Store.Next] hands records out in a [Lease], to be ended
// by Ack or Dead or put back by Release. [Store.Journal] remembers commands, so
// that one delivered twice has one effect. [Store.Losses] is the ledger of what
// will never be delivered, [Store.DeadLetters] what the hub refused, to be queued
// again by RetryDead or lost by DropDead, [Store.Stats] the counters. [Store.Peek]
// and [Store.Export] show what is queued, [Store.Boots] dates stamps of earlier
// boots, [Fsck] judges a stopped store.
//
// # Promises
//
// Append waits for the identity only. It works while the file is being opened and
// when it cannot be: then records are in memory, and Stats says so.
//
// What Ticket.Durable, Flush, Journal.Begin and Journal.Finish have answered with
// nil survives a kill and a power cut. Telemetry that nobody waits for is on disk
// after Stats.CommitEvery at most, alarms and results as soon as the disk is free, debug
// never. A record accepted before its commit is due is never written.
//
// A record is delivered at least once: what was accepted within one commit interval
// before a kill comes again, with the same ID. A record is in one lease at most.
//
// Per class, at every instant and across restarts:
//
//	produced = delivered + queued + dead + lost
//
// Every record counted as lost is in the ledger, with its reason; an unclean stop is
// an entry of unknown count. The ledger goes upstream by itself, as records of
// [KindLedger] in class [Alarm], one at a time.
//
// The store always starts. A file that is damaged, or at which the process died
// twice while opening, is read page by page: what passes its checksum and is not
// settled as far as the file tells, and the journal, go into a fresh file, and the
// damaged one is kept in corrupt-<n>/ in the folder, the last three and 128 MiB at
// most. Records may then come again. When the journal may be incomplete, Begin says
// so by State.Unsure. A file of format 1, one key per record, is taken over; one of
// a later format is set aside. A file whose commit failed is never written again:
// memory and what the file still holds go into a fresh one. A disk that refuses is
// tried again, at most a minute apart. Only another process that holds the file
// ends [Store.Run] early.
//
// # Layout
//
// Records lie in blocks of about 4 KiB, packed with zstd; key is class, run, first
// sequence and count, value is a checksum over key and value, a head with the
// watermark of the class, and the records, each told as the difference to the one
// before. Settling a record writes nothing but a bit in the one small record that
// every commit writes anyway; blocks are deleted when nothing is left of them.
//
// # Limits
//
// Blocks and dead letters on disk are bounded by MaxBytes and by what is free, of
// which Headroom is left; telemetry leaves Reserve of it to the other classes.
// Memory is bounded by MaxMemory. When there is no room the oldest of the least
// urgent class goes first, is thinned out, or is refused, as Options.Overflow says.
// Leased records are not evicted, so a lease that is never ended holds its room. The
// file is made anew when it is empty and larger than 32 MiB; else it does not
// shrink. It is bounded by twice MaxBytes but 16 MiB at least, 512 MiB at most on a
// 32-bit machine and 1 GiB elsewhere. Space on a full disk is not allocated ahead:
// then a commit has what blocks that were deleted leave. A folder restored from a
// backup repeats the epochs, and so the IDs, given since: remove its identity file
// first.
//
// What the disk is made to write is an estimate, and starts at nothing with every
// start: pages of the commit and what the journal of ext4 takes. Beyond the daily
// budget commits of telemetry are stretched, to 15 minutes at most, and Stats says so.
//
// One goroutine makes all commits; each is two file syncs, three when the file
// grows. A commit that has nothing to write is not made.
package store
