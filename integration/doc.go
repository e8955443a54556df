// Package integration tests the program as people use it: built, started as a
// process of its own, mounted through the kernel, and handled with the tools of a
// Debian machine. The names of the tests are what the program promises.
//
// # Parts
//
// A [program] is one running visorfs; its end is part of every test: exit code 0,
// nothing left mounted, and no warning, error, panic or data race in its log that
// the test did not expect. A [server] is "visorfs serve", which can be killed and
// started again on its port and data. A [mount] is "visorfs mount". Between them
// a test may put a [proxy], which counts requests and makes faults.
//
// What is right is decided without the code under test: bytes are compared with
// the files they came from, and [server.do] asks the server with requests that are
// signed here.
//
// # Two servers
//
// The files original*_test.go keep the same promises with "visorfs serve
// --like-original", which plays the VIS of 2012: what holds for either server runs
// with both, see withBothServers.
//
// # Kills
//
// Programs are killed at random points in crash*_test.go. A [hand] changes files, and knows
// what it was told to be done; [hand.judge] compares that with what is there afterwards.
//
// # Nothing hangs
//
// Tools run with a time limit, and a mount that outlives its own is killed, which
// makes the kernel fail whoever waits for it.
//
// Everything is in test files, for Linux.
package integration
