//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func mayMount() bool { return false }

func smallDisk(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("Linux only") }

func readOnly(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("Linux only") }

func mayBecome() bool { return false }

func stranger(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("Linux only") }
