package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/visclient"
)

func newConfig() *cobra.Command {
	var s settings
	var m mountFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config [flags]",
		Short: "Show the settings that are in force, and where they come from",
		Long: `Shows what "visorfs mount" with the same flags would take as its settings, and where each
comes from: a flag, a variable of the environment, a line of a file, or the default. It
asks no server. What is wrong is said as mount would say it. Secret keys are not shown.
` + settingsHelp,
		Example: `  visorfs config
  visorfs config --json --memory 1GiB`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.applyOptions(cmd.Flags()); err != nil {
				return err
			}
			o, err := s.resolve()
			if err != nil {
				return err
			}
			if _, err := visclient.New(o); err != nil {
				return err
			}
			for _, warning := range s.warnings {
				cmd.PrintErrln("visorfs: warning: " + printable(warning))
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s.inForce())
			}
			return s.print(cmd)
		},
	}
	s.addServer(cmd.Flags())
	s.addKeys(cmd.Flags())
	m.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list")
	return cmd
}

// setting is one row of what visorfs config shows.
type setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // default, file, environment or flag
	Where  string `json:"where,omitempty"`
	Beside string `json:"overruled_by,omitempty"`
}

var sources = map[rank]string{byDefault: "default", byVISOR: "file", byFile: "file", byEnvironment: "environment", byFlag: "flag"}

// hidden stands for a secret, whatever it is.
const hidden = "(hidden)"

// inForce returns the settings in the order of their names.
func (s *settings) inForce() []setting {
	known := make(map[string]bool)
	for _, name := range settingNames() {
		known[name] = true
	}
	var list []setting
	s.flags.VisitAll(func(f *pflag.Flag) {
		if known[f.Name] {
			list = append(list, s.row(f))
		}
	})
	return list
}

func (s *settings) row(f *pflag.Flag) setting {
	o := s.origins[f.Name]
	row := setting{Name: f.Name, Value: f.Value.String(), Source: sources[o.rank], Where: o.where, Beside: o.beside}
	host, port := s.serverText()
	switch {
	case f.Name == "secret-key" && row.Value != "":
		row.Value = hidden
	case f.Name == "options":
		row.Value = joinOptions(f.Value.(pflag.SliceValue).GetSlice())
	case f.Name == "host" && s.url == "":
		row.Value = host
	case f.Name == "port" && s.url == "":
		row.Value = port
	case f.Name == "port":
		row.Value = ""
	}
	return row
}

func (s *settings) print(cmd *cobra.Command) error {
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	for _, row := range s.inForce() {
		where := row.Where
		switch {
		case row.Source == "default":
			where = "default"
		case row.Beside != "":
			where += ", but " + row.Beside + " counts"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", row.Name, printable(row.Value), printable(where))
	}
	return out.Flush()
}
