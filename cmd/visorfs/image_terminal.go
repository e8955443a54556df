package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether a command's input or output is one. Those of a test are
// no files.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// terminalWidth returns the columns of a terminal, 0 for anything else.
func terminalWidth(stream any) int {
	file, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// interruptible returns a reader that fails as soon as ctx ends, even while r waits for
// a person or another program. A read of r may then go on by itself until r has something.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
	return out
}
