package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/store/postgres"
)

// printedMigration is a migration as migrate status prints it.
type printedMigration struct {
	Number    int64      `json:"number"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"`
}

func (p *program) migrateCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "migrate", Short: "Show and bring up to date the schema of the database",
		Long: `Show and bring up to date the schema of the database. serve does it by itself, unless postgres.migrate is false. An SQLite
database is brought up to date whenever it is opened.`,
	}
	status := &cobra.Command{
		Use: "status", Short: "List the steps of the schema and when they were made", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrationStatus(cmd.Context()) },
	}
	p.addJSONFlag(status)
	up := &cobra.Command{
		Use: "up", Short: "Make the steps that are pending", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateUp(cmd.Context()) },
	}
	command.AddCommand(status, up)
	return command
}

func (p *program) migrationStatus(ctx context.Context) error {
	if !isPostgres(p.settings.database) {
		return p.migrateUp(ctx)
	}
	all, err := postgres.MigrationStatus(ctx, p.settings.database)
	if err != nil {
		return err
	}
	list := make([]printedMigration, 0, len(all))
	for _, m := range all {
		list = append(list, printedMigration{m.Number, m.Name, timeOrNil(m.AppliedAt)})
	}
	return p.print(list, "NUMBER\tNAME\tMADE", func(i int) []string {
		made := "pending"
		if t := list[i].AppliedAt; t != nil {
			made = t.Format(time.RFC3339)
		}
		return []string{strconv.FormatInt(list[i].Number, 10), list[i].Name, made}
	}, len(list))
}

func (p *program) migrateUp(ctx context.Context) error {
	if !isPostgres(p.settings.database) {
		return p.withStore(ctx, func(context.Context, database) error {
			_, err := fmt.Fprintln(p.out, "The schema is up to date: SQLite brings it up to date when it is opened.")
			return err
		})
	}
	made, err := postgres.Migrate(ctx, p.settings.database)
	if err != nil {
		return err
	}
	for _, m := range made {
		fmt.Fprintf(p.out, "made %d %s\n", m.Number, m.Name)
	}
	_, err = fmt.Fprintln(p.out, "The schema is up to date.")
	return err
}
