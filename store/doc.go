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
// What Ticket.Durable, Flush and the methods of Journal have answered with nil
// survives a kill and a power cut. Telemetry that nobody waits for is on disk
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
// The store always starts. A file that is damaged, of which the disk gives a part
// only, or at which the process died twice while opening (five times when the
// machine went down too), is read page by page: what passes its checksum and is not
// settled as far as the file tells, and the journal, go into a fresh file, and the
// damaged one is kept in corrupt-<n>/ beside it, the last three and 128 MiB at most.
// A leaf of a file that was closed cleanly is not looked at before it is read; when
// it is damaged the file is replaced then, and what was begun goes on with the next
// one: three times an hour at once, and while there is room for a second file.
// Records may then come again. Records that the counters tell of and that are not
// there are lost with reason "damaged". When the journal may be incomplete, Begin
// says so by State.Unsure; that is so too when the file is gone that an earlier start
// made. What is no file in its place is set aside unopened; a link to a file is
// followed, and the file stays where it is. A file of format 1, one key per record,
// is taken over; one of a later format is set aside. A file whose commit failed is
// never written again: memory and what the file still holds go into a fresh one. A
// disk that refuses is tried again, at most a minute apart. Only another process that
// holds the file ends [Store.Run] early.
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
// which Headroom is left; telemetry leaves Reserve of it to the other classes, or
// half of what the disk gives. The file is allocated ahead of what is in use, the
// reserve included: about 2.5 MiB when it is empty. When the disk is full,
// telemetry makes room for itself within what the file has, alarms, results and the
// journal go on in the reserve, Stats.Full says so, and the file grows again as soon
// as it may; that is looked at with every commit, every 10 s at least. A file
// system that copies on write cannot promise space: there a commit may fail on a
// full disk, and is tried again when older telemetry has gone.
// Memory is bounded by MaxMemory, of which telemetry and debug leave an eighth to the
// others. When there is no room the oldest of the least urgent class goes first, is
// thinned out, or is refused, as Options.Overflow says; alarms go last.
// Leased records are not evicted, so a lease that is never ended holds its room. The
// file is made anew when it is empty and larger than 32 MiB; else it does not
// shrink. It is bounded by twice MaxBytes but 16 MiB at least, 512 MiB at most on a
// 32-bit machine and 1 GiB elsewhere. A folder restored from a
// backup repeats the epochs, and so the IDs, given since: remove its identity file
// first.
//
// What the disk is made to write is an estimate: pages of the commit, zeroes written
// ahead of them, and what ext4 takes for its journal and tables. It is kept across
// restarts, and made up for in the time that the machine is powered. Beyond the
// daily budget commits of telemetry are stretched, to 15 minutes at most, and Stats
// says so; delivered blocks then stay in the file as long, but never take the room of
// new ones.
//
// One goroutine makes all commits; each is two file syncs, and one more for every
// MiB or so that the file grows. A commit that has nothing to write is not made.
package store
