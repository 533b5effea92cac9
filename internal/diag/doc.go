// Package diag shows a running agent to the technician beside it: JSON over HTTP
// on a unix socket, and the same as text for a terminal. It looks at everything
// and owns nothing; the agent hands in a Provider, a struct of functions.
//
// The types in the order met: the wire types (Status, Sensors, QueueReport with
// what looks into the queue, Commands), which are versioned by the route's prefix
// /v1/ and only ever gain fields; Chain, the rule that finds the first broken
// part; Listen, which takes the socket; Server, which answers on it; Client,
// which asks; and the Write functions, which print.
//
// One agent per socket: Listen fails with an InUseError while another one lives,
// and takes over what a dead one left behind. Every request is bounded in size
// and time; so is every answer, but for the export of the queue, which is
// streamed, one at a time, to a reader who has to keep up. Whoever may open the
// socket (mode 0660) may look; only root and the agent's own user may change
// anything, which is asked of the kernel and so works on Linux only: elsewhere
// changing routes are refused. On Windows two agents that start in the same
// instant are not kept apart.
package diag
