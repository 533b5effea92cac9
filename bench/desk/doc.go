// Package desk sets a built agent beside a local hub and judges from outside what
// became of every record: what the agent counted and kept is compared with what the
// hub logged, by message-id. Nothing of the agent's own code takes part in that.
package desk
