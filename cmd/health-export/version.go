package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the released version; the build sets it with -ldflags "-X main.version=…".
var version = "development"

func (p *program) versionCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "version", Short: "Print the version", Args: exactArgs(0),
		RunE: func(*cobra.Command, []string) error {
			built := map[string]string{"version": version, "commit": commit(), "go": runtime.Version()}
			if p.json {
				return p.printJSON(built)
			}
			_, err := fmt.Fprintf(p.out, "health-export %s (commit %s, %s)\n", built["version"], built["commit"], built["go"])
			return err
		},
	}
	p.addJSONFlag(command)
	return command
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
