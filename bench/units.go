package main

const (
	mb  = 1e6
	mib = 1 << 20
)
