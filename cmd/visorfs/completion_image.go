package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// completionTime is how long somebody who pressed the tabulator waits for the server.
const completionTime = 2 * time.Second

// addImageCompletions completes the arguments of the image commands.
func addImageCompletions(image *cobra.Command, s *settings) {
	for _, cmd := range image.Commands() {
		switch cmd.Name() {
		case "list":
			cmd.ValidArgsFunction = words()
		case "show":
			cmd.ValidArgsFunction = firstOnly(s.completeImage)
		case "delete":
			cmd.ValidArgsFunction = s.completeImage
		case "get":
			cmd.ValidArgsFunction = s.completeGet
		case "add":
			cmd.ValidArgsFunction = completeAdd
		case "update":
			cmd.ValidArgsFunction = s.completeUpdate
		}
	}
}

// completeImage completes the name of an image, or its id where the name does not tell
// it. Whatever goes wrong, there are no completions: nobody could read a message.
func (s *settings) completeImage(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	o, err := s.resolve()
	if err != nil || requireKeys(o) != nil {
		return nil, directive
	}
	o.Timeout = completionTime
	client, err := visclient.New(o)
	if err != nil {
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	images, err := client.GetImages(ctx, nil)
	if err != nil {
		return nil, directive
	}
	return imageCandidates(images, args, typed), directive
}

// imageCandidates are the words that lead to images, each with a description for the
// shells that show one. Ids are offered where a name does not tell, and to those who
// began to type one.
func imageCandidates(images []*meta.Image, given []string, typed string) (candidates []string) {
	count := make(map[string]int)
	for _, img := range images {
		count[img.Name]++
	}
	for _, img := range images {
		id, name := string(img.ID), img.Name
		if slices.Contains(given, id) || slices.Contains(given, name) {
			continue
		}
		size := humanize.IBytes(uint64(max(img.Size, 0)))
		if count[name] == 1 && isWord(name) {
			candidates = append(candidates, cobra.CompletionWithDesc(name, size))
		} else if isWord(id) {
			candidates = append(candidates, cobra.CompletionWithDesc(id, printable(name)+", "+size))
			continue
		}
		if typed != "" && isWord(id) {
			candidates = append(candidates, cobra.CompletionWithDesc(id, printable(name)+", "+size))
		}
	}
	return startingWith(typed, candidates)
}

// isWord reports whether a name that a server gave can be offered: it is no flag, and its characters are no part of the protocol between shell and program.
func isWord(name string) bool {
	return name != "" && !strings.HasPrefix(name, "-") && printable(name) == name
}

func (s *settings) completeGet(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return s.completeImage(cmd, args, typed)
	case 1:
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func (s *settings) completeUpdate(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return s.completeImage(cmd, args, typed)
	}
	return completeAttributes(args[1:], typed)
}

// completeAdd completes a file until there is one, unless an attribute was begun.
func completeAdd(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	file, _, err := splitFile(args)
	candidates, directive := completeAttributes(args, typed)
	isBegun := typed != "" && len(candidates) > 0
	if err == nil && file == "" && !isBegun {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return candidates, directive
}

// completeAttributes completes KEY=VALUE, of keys that users set and that are not given yet.
func completeAttributes(given []string, typed string) ([]string, cobra.ShellCompDirective) {
	var keys []string
	for _, a := range meta.Attributes {
		isGiven := slices.ContainsFunc(given, func(arg string) bool { return strings.HasPrefix(arg, a.Name+"=") })
		if !a.ServerOwned() && !isGiven {
			keys = append(keys, a.Name)
		}
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if !strings.Contains(typed, "=") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return attributeCandidates(typed, keys), directive
}
