package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/query"
)

// queryCommand has a command for every operation that runs: its parameters are the flags, its answer is the JSON that the
// HTTP API gives.
func (p *program) queryCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "query OPERATION --user EMAIL", Short: "Ask what the HTTP API answers, on the database itself",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	table, err := operation.New(operation.Config{})
	if err != nil {
		panic(err) // a row of the table is not complete: every test of package operation fails
	}
	for _, o := range table.Operations() {
		if o.Run != nil {
			command.AddCommand(p.operationCommand(&o))
		}
	}
	return command
}

func (p *program) operationCommand(o *operation.Operation) *cobra.Command {
	var email string
	sent := map[string]*string{}
	command := &cobra.Command{
		Use: o.Name + " --user EMAIL", Short: o.Summary, Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			values := url.Values{}
			for name, value := range sent {
				if cmd.Flags().Changed(flagOf(name)) {
					values.Set(name, *value)
				}
			}
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				return p.query(ctx, db, o.Name, email, values)
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&email, "user", "", "email address of the user")
	_ = command.MarkFlagRequired("user") // the flag exists
	for i := range o.Parameters {
		parameter := &o.Parameters[i]
		if parameter.Name == operation.SubjectParameter {
			continue
		}
		sent[parameter.Name] = flags.String(flagOf(parameter.Name), "", usageOf(parameter))
		if parameter.Required {
			_ = command.MarkFlagRequired(flagOf(parameter.Name)) // the flag exists
		}
	}
	return command
}

func flagOf(parameter string) string { return strings.ReplaceAll(parameter, "_", "-") }

// usageOf describes a parameter in a line. Backquotes would name the flag's value.
func usageOf(p *operation.Parameter) string {
	usage := strings.TrimSuffix(strings.ReplaceAll(p.Doc, "`", "'"), ".")
	if len(p.Allowed) > 0 {
		usage += " (" + strings.Join(p.Allowed, ", ") + ")"
	}
	if p.Default != "" {
		usage += "; standard " + p.Default
	}
	return usage
}

// query answers an operation from the database, for whoever has access to it.
func (p *program) query(ctx context.Context, db database, name, email string, sent url.Values) error {
	user, err := userNamed(ctx, db, email)
	if err != nil {
		return err
	}
	metricCatalog, err := catalog.Load()
	if err != nil {
		return err
	}
	table, err := operation.New(operation.Config{
		Query: query.New(query.Config{
			Samples: db, Sleep: db, Workouts: db, Events: db, Summaries: db, Catalog: metricCatalog,
		}),
		SourcePriority: query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: db, Catalog: metricCatalog}),
	})
	if err != nil {
		return err
	}
	o := table.Find(name)
	inPath := url.Values{}
	for _, parameter := range o.Parameters {
		if parameter.In == operation.InPath {
			inPath.Set(parameter.Name, sent.Get(parameter.Name))
			sent.Del(parameter.Name)
		}
	}
	if err := o.CheckNames(sent); err != nil {
		return err
	}
	values, err := o.Parse(inPath.Get, sent, user.Location())
	if err != nil {
		return err
	}
	answer, err := table.Answer(ctx, o, operation.Access{Subject: user, Lens: operation.Everything()}, values)
	if err != nil {
		return err
	}
	text := jsontext.Value(slices.Clone(answer))
	if isTerminal(p.out) {
		if err := text.Indent(); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(p.out, "%s\n", text)
	return err
}
