// Package top is the live view of a running agent in a terminal.
//
// View takes in what the agent says, and keeps a short history of it; Frame makes
// lines of it for a window of any size, and knows no terminal. Run asks the agent
// once a second and shows frames on a Screen until somebody quits: it uses plain
// ANSI sequences and the alternate screen, and leaves the terminal as it was,
// whatever ends it. Once prints one frame, for pipes and other systems.
//
// An agent that goes away is waited for, and its restart is told.
package top
