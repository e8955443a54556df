package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/meta"
)

// demand has values refused with which nothing can be mounted or read.
func (m *mountFlags) demand(flags *pflag.FlagSet) {
	const least = 1 << 20
	demand(flags, "memory", "give 1MiB or more", func() bool { return m.memory >= least })
	demand(flags, "readahead", "give 1MiB or more", func() bool { return m.readahead >= least })
	demand(flags, "cache-size", "give 1MiB or more", func() bool { return m.cacheSize >= least })
	demand(flags, "spool-size", "give 1MiB or more", func() bool { return m.spoolSize == 0 || m.spoolSize >= least })
	demand(flags, "streams", "give 1 or more", func() bool { return m.streams >= 1 })
	demand(flags, "metadata-ttl", "give a time of 0 or more, like 5s", func() bool { return m.metadataTTL >= 0 })
	demand(flags, "stop-timeout", "give a time of 0 or more, like 1m", func() bool { return m.stopTimeout >= 0 })
	demand(flags, "verify", "give auto, always or never", func() bool { _, ok := verifyModes[m.verify]; return ok })
	demand(flags, "architecture", "VIS knows "+strings.Join(meta.Architectures, " and "),
		func() bool { return slices.Contains(meta.Architectures, m.architecture) })
}
