package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/query"
)

// printedRebuild is the result of rebuilding the summaries of a user.
type printedRebuild struct {
	Email    string  `json:"email"`
	Days     int     `json:"days"`
	Differed int     `json:"differed"`
	Latest   int     `json:"latest_differed"`
	Seconds  float64 `json:"seconds"`
}

func (p *program) rebuildCommand() *cobra.Command {
	var email string
	command := &cobra.Command{
		Use: "rebuild", Short: "Work out the summaries of all days anew from the samples", Args: exactArgs(0),
		Long: `Work out the summaries of all days, and the latest values, anew from the samples, and write those that differ; count the
samples again. All are kept in step with every body that comes in, so that normally none differs. It may be done while the
server runs, and again after it was interrupted. After an upgrade that changes how a metric is summed up, it brings the
days before in line; after rows were removed by hand, the numbers of samples.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				return p.withSharedCache(db, func(responses responseCache) error { return p.rebuild(ctx, db, responses.invalidator(), email) })
			})
		},
	}
	command.Flags().StringVar(&email, "user", "", "email address of the user; all users if it is left out")
	p.addJSONFlag(command)
	return command
}

func newRebuilder(db database, invalidator cache.Invalidator) (*query.SummaryRebuilder, error) {
	metricCatalog, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	return query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: db, Invalidator: invalidator, Catalog: metricCatalog}), nil
}

func (p *program) rebuild(ctx context.Context, db database, invalidator cache.Invalidator, email string) error {
	users, err := usersNamed(ctx, db, email)
	if err != nil {
		return err
	}
	rebuilder, err := newRebuilder(db, invalidator)
	if err != nil {
		return err
	}
	list := make([]printedRebuild, 0, len(users))
	for _, user := range users {
		start := time.Now()
		rebuilt, err := rebuilder.Rebuild(ctx, user.ID)
		if err != nil {
			return err
		}
		list = append(list, printedRebuild{user.Email, rebuilt.Days, rebuilt.Differed, rebuilt.Latest, time.Since(start).Seconds()})
	}
	return p.print(list, "EMAIL\tDAYS\tDIFFERED\tLATEST DIFFERED\tSECONDS", func(i int) []string {
		r := list[i]
		return []string{
			r.Email, strconv.Itoa(r.Days), strconv.Itoa(r.Differed), strconv.Itoa(r.Latest), strconv.FormatFloat(r.Seconds, 'f', 2, 64),
		}
	}, len(list))
}
