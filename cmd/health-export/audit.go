package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
)

// printedEntry is an audit entry as the audit command prints it.
type printedEntry struct {
	ID        uuid.UUID      `json:"id"`
	At        time.Time      `json:"at"`
	UserID    *uuid.UUID     `json:"user_id"`
	KeyID     string         `json:"key_id"`
	Action    account.Action `json:"action"`
	Resource  string         `json:"resource"`
	Address   netip.Addr     `json:"address"`
	UserAgent string         `json:"user_agent"`
	RequestID string         `json:"request_id"`
	Metadata  map[string]any `json:"metadata"`
}

func printEntry(e account.AuditEntry) printedEntry {
	printed := printedEntry{e.ID, e.At, nil, e.KeyID, e.Action, e.Resource, e.Address, e.UserAgent, e.RequestID, e.Metadata}
	if e.UserID != uuid.Nil {
		printed.UserID = &e.UserID
	}
	return printed
}

func (p *program) auditCommand() *cobra.Command {
	var email, action, key, start, end string
	var limit int
	command := &cobra.Command{
		Use: "audit", Short: "Show who did what, newest first", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := store.AuditQuery{Action: account.Action(action), KeyID: key, Limit: max(limit, 1)}
			var err error
			if query.From, err = parseTimestamp(start, time.Now()); err != nil {
				return usageError{fmt.Errorf("--start: %w", err)}
			}
			if query.To, err = parseTimestamp(end, time.Now()); err != nil {
				return usageError{fmt.Errorf("--end: %w", err)}
			}
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				if email != "" {
					user, err := userNamed(ctx, db, email)
					if err != nil {
						return err
					}
					query.User = &user.ID
				}
				entries, err := db.AuditEntries(ctx, query)
				if err != nil {
					return err
				}
				return p.printAudit(entries)
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&email, "user", "", "email address of the user it is about; empty for everybody and nobody")
	flags.StringVar(&action, "action", "", "only this action, such as login.failed")
	flags.StringVar(&key, "key", "", "only what was done, or tried, with the key of this id")
	flags.StringVar(&start, "start", "", "from this date, RFC 3339 time or time ago (7d) on")
	flags.StringVar(&end, "end", "", "until this date, RFC 3339 time or time ago")
	flags.IntVar(&limit, "limit", 100, "how many entries are shown at most")
	p.addJSONFlag(command)
	return command
}

func (p *program) printAudit(entries []account.AuditEntry) error {
	list := make([]printedEntry, 0, len(entries))
	for _, e := range entries {
		list = append(list, printEntry(e))
	}
	return p.print(list, "TIME\tACTION\tKEY\tRESOURCE\tADDRESS\tDETAILS", func(i int) []string {
		e := entries[i]
		from := e.UserAgent
		if e.Address.IsValid() {
			from = e.Address.String()
		}
		details, err := json.Marshal(e.Metadata)
		if err != nil || len(e.Metadata) == 0 {
			details = nil
		}
		return []string{
			e.At.Format(time.RFC3339), string(e.Action), cmp.Or(e.KeyID, "-"), cmp.Or(e.Resource, "-"), cmp.Or(from, "-"), string(details),
		}
	}, len(list))
}
