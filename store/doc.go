// Package store is the offline queue: what a gateway measured, answered or lost
// waits here until the hub has accepted it.
//
// A [Store] lives in one folder, in one bbolt file. [Store.Append] gives a [Record]
// its [ID] and a [Ticket]; [Store.Next] hands records out in a [Lease], to be ended
// by Ack or Dead or put back by Release. [Store.Journal] remembers commands, so
// that one delivered twice has one effect. [Store.Losses] is the ledger of what
// will never be delivered, [Store.DeadLetters] what the hub refused, [Store.Stats]
// the counters.
//
// # Promises
//
// Append waits for the identity only. It works while the file is being opened and
// when it cannot be: then records are in memory, and Stats says so.
//
// What Ticket.Durable, Flush, Journal.Begin and Journal.Finish have answered with
// nil survives a kill and a power cut. Telemetry that nobody waits for is on disk
// after CommitEvery at most, alarms and results as soon as the disk is free, debug
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
// The store always starts. A file that is damaged or not its own is moved to
// corrupt-<n>/ in the folder, the last three are kept, and a fresh file is used. A
// file that fails while in use is treated alike: what is in memory and the journal
// are carried over. A disk that refuses is tried again, at most a minute apart. Only
// another process that holds the file ends [Store.Run] early.
//
// # Limits
//
// Records on disk are bounded by MaxBytes, in memory by MaxMemory; when there is no
// room the oldest of the least urgent class goes first. Leased records are not
// evicted, so a lease that is never ended holds its room. The file itself does not
// shrink; it is bounded by twice MaxBytes but 16 MiB at least, 512 MiB at most on a 32-bit machine and
// 1 GiB elsewhere. A folder restored from a backup repeats the epochs, and so the
// IDs, given since: remove its identity file first.
//
// bbolt keeps no checksum of its pages: every value has its own, and a record that
// fails it is lost and counted. One goroutine makes all commits; each is two file
// syncs, three when the file grows.
package store
