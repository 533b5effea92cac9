// Package provision takes a folder of configuration and credentials from where a
// person can put it, the boot partition of a card, to where the agent keeps it,
// and takes the secrets away there.
//
// A Folder holds sets: folders set-1, set-2, … of one agent.toml and the files it
// names. The link current names the one in force, and replacing that link is the
// instant in which another set comes into force: at every other instant the old
// set, or none, is whole. A power cut leaves at most a set that nothing names,
// which the next Take removes.
//
// What was taken is written in the set, in the file .taken, before it comes into
// force. While that file is there, files of the source are still to be wiped. One
// that differs from what was taken by zeros alone is half wiped; any other is new.
//
// Limits: wiping writes zeros over a file's blocks, syncs, and removes its name.
// The flash behind a file system may keep older copies of a block that nothing but
// taking the chips apart can read; so may a file system that does not write in
// place. A key that was ever on a card that leaves your hands should be replaced.
package provision
