// Package crash holds the proofs that a store neither loses, nor repeats beyond its
// promise, nor refuses to start: everything is in its tests, and everything goes
// through the public API of package store, in processes of their own.
//
// An agent is the test binary started anew: it appends, drains, settles and begins
// commands, and prints a mark for each thing that is true from that moment on. The
// claims are the sum of these marks. A judge is the test binary started anew too:
// it opens a folder as an agent would, takes out everything and reports what came.
// Between the two the folder is treated badly:
//
//   - TestKill ends the agent by SIGKILL under load, round after round.
//   - TestPowerCut records with strace what the kernel was given, and builds the
//     folders that a power cut may leave: writes that were not synced are kept, torn at
//     512 bytes, reordered or dropped, and so are names and sizes.
//   - TestCorrupt damages a good file in every way a card does, and in some that
//     people do.
//   - TestDisk fills the file system, makes it read-only and uses up its inodes.
//   - TestKernelKill, TestKernelLogWrites and TestKernelLies do it to a real kernel in
//     QEMU, with ext4 on a virtual disk: the machine is killed, every prefix of what the
//     disk was given is mounted, and the disk drops writes that it has confirmed. The
//     test binary is the machine's /init.
//
// The tests take minutes, so they are built with the tag proof only.
//
// Each has a counterpart that cheats and must be caught, so that a proof which has
// gone blind fails. The flags below make the long forms of the short ones; see
// docs/PROOFS.md and scripts/proof.sh.
//
//	-rounds N     kills, of TestKill and of TestKernelKill
//	-states N     crash states
//	-files N      damaged files
//	-kernel DIR   kernel to boot, as scripts/proof/store-kernel.sh lays it out; without
//	              it the tests of a real kernel are skipped
//	-prefixes N   states of each kind of TestKernelLogWrites; 0 = every one
//	-lies N       lying disks
//	-child CMD    how to start agents and judges, for another build of this
//	              package: "qemu-arm-static /tmp/crash.test"
//	-seed N       of everything random; printed by a test that fails
//	-keep FOLDER  build the folders of bad crash states again in this one
//	-table FILE   append the tables of results
package crash
