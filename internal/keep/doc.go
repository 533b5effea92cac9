// Package keep is how the agent keeps files in its state folder. [Replace] leaves
// the old file or the new one, whole. [Read] reads one, though its mode forbids it.
// [Own] and [Folder] see that what is made belongs to whom the folder around it
// belongs to: an agent that a person has run once as root leaves nothing behind
// that the service may not have. [Hint] is the next move about what belongs to
// somebody else.
//
// Limits: only root gives files away, and a file that could not be given is no
// error, because to this process it is as good. Who may write a folder can put a
// link in the place of any file, so nothing that is there already is written to or
// given away: files are made anew beside it.
package keep
