package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (p *program) addJSONFlag(command *cobra.Command) {
	command.Flags().BoolVar(&p.json, "json", false, "print JSON instead of a table")
}

// print writes n rows as a table with the given heading (columns separated by tabs), or value as JSON with --json.
func (p *program) print(value any, heading string, row func(i int) []string, n int) error {
	if p.json {
		return p.printJSON(value)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, heading)
	for i := range n {
		fmt.Fprintln(table, strings.Join(row(i), "\t"))
	}
	return table.Flush()
}

// printJSON writes value as one line of JSON.
func (p *program) printJSON(value any) error {
	encoder := json.NewEncoder(p.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
