package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

// printedKey is an API key as the key commands show it. Key, the secret, is there only when it was just made.
type printedKey struct {
	ID         string          `json:"id"`
	Key        string          `json:"key,omitempty"`
	Name       string          `json:"name"`
	Scopes     []account.Scope `json:"scopes"`
	Tier       string          `json:"tier"`
	CreatedAt  time.Time       `json:"created_at"`
	ExpiresAt  *time.Time      `json:"expires_at"`
	RevokedAt  *time.Time      `json:"revoked_at"`
	LastUsedAt *time.Time      `json:"last_used_at"`
}

func printKey(k account.APIKey, secret string) printedKey {
	return printedKey{
		ID: k.ID, Key: secret, Name: k.Name, Scopes: k.Scopes, Tier: k.Tier, CreatedAt: k.CreatedAt,
		ExpiresAt: notZero(k.ExpiresAt), RevokedAt: notZero(k.RevokedAt), LastUsedAt: notZero(k.LastUsedAt),
	}
}

func notZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (p *program) keyCommand() *cobra.Command {
	command := &cobra.Command{Use: "key", Short: "Create, list, rotate and revoke API keys"}
	command.AddCommand(p.keyCreateCommand(), p.keyListCommand(), p.keyRotateCommand(), p.keyRevokeCommand())
	return command
}

func (p *program) keyCreateCommand() *cobra.Command {
	var email, name, scopes, tier, expires string
	command := &cobra.Command{
		Use: "create --user EMAIL --name NAME", Short: "Create an API key and print it, this once", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			granted, err := access.ParseScopes(scopes)
			if err != nil {
				return usageError{err}
			}
			end, err := parseExpiry(expires, time.Now())
			if err != nil {
				return usageError{err}
			}
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				user, err := userNamed(ctx, db, email)
				if err != nil {
					return err
				}
				key, secret, err := p.authenticator(db, nil).CreateKey(ctx, access.NewKey{
					UserID: user.ID, Name: name, Scopes: granted, Tier: tier, ExpiresAt: end,
				})
				if err != nil {
					return err
				}
				return p.printNewKey(key, secret)
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&email, "user", "", "email address of the user the key acts for")
	flags.StringVar(&name, "name", "", "what the key is for, such as iPhone")
	flags.StringVar(&scopes, "scopes", "ingest,read", "what the key allows: ingest, read, admin")
	flags.StringVar(&tier, "tier", "default", "limits of the key: default, bulk or unlimited")
	flags.StringVar(&expires, "expires", "", "when the key expires: a date (2027-01-31) or a time from now (90d, 12h); empty for never")
	for _, required := range []string{"user", "name"} {
		_ = command.MarkFlagRequired(required) // the flag exists
	}
	p.addJSONFlag(command)
	return command
}

// printNewKey prints a key with its secret, the only time it is shown.
func (p *program) printNewKey(key account.APIKey, secret string) error {
	return p.print(printKey(key, secret), "KEY\tID\tNAME\tSCOPES", func(int) []string {
		return []string{secret, key.ID, key.Name, joinScopes(key.Scopes)}
	}, 1)
}

func (p *program) keyRotateCommand() *cobra.Command {
	var email string
	var grace time.Duration
	command := &cobra.Command{
		Use: "rotate ID --user EMAIL", Short: "Replace an API key by a new one that may do the same, and print it, this once",
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				user, err := userNamed(ctx, db, email)
				if err != nil {
					return err
				}
				key, secret, err := p.authenticator(db, nil).RotateKey(ctx, user.ID, args[0], grace)
				if err != nil {
					return err
				}
				return p.printNewKey(key, secret)
			})
		},
	}
	command.Flags().StringVar(&email, "user", "", "email address of the user")
	command.Flags().DurationVar(&grace, "grace", 0, "how long the old key stays in force, such as 24h, at most 168h")
	_ = command.MarkFlagRequired("user") // the flag exists
	p.addJSONFlag(command)
	return command
}

func (p *program) keyListCommand() *cobra.Command {
	var email string
	command := &cobra.Command{
		Use: "list --user EMAIL", Short: "List a user's API keys", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				user, err := userNamed(ctx, db, email)
				if err != nil {
					return err
				}
				keys, err := db.KeysOf(ctx, user.ID)
				if err != nil {
					return err
				}
				list := make([]printedKey, 0, len(keys))
				for _, k := range keys {
					list = append(list, printKey(k, ""))
				}
				return p.print(list, "ID\tNAME\tSCOPES\tTIER\tLAST USED\tSTATE", func(i int) []string {
					return []string{list[i].ID, list[i].Name, joinScopes(list[i].Scopes), list[i].Tier, lastUsed(keys[i]), state(keys[i])}
				}, len(list))
			})
		},
	}
	command.Flags().StringVar(&email, "user", "", "email address of the user")
	_ = command.MarkFlagRequired("user") // the flag exists
	p.addJSONFlag(command)
	return command
}

func (p *program) keyRevokeCommand() *cobra.Command {
	var email string
	command := &cobra.Command{
		Use: "revoke ID --user EMAIL", Short: "Revoke an API key; a running server stops accepting it within a second",
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				user, err := userNamed(ctx, db, email)
				if err != nil {
					return err
				}
				if err := p.authenticator(db, nil).RevokeKey(ctx, user.ID, args[0]); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.out, "Key %s is revoked.\n", args[0])
				return err
			})
		},
	}
	command.Flags().StringVar(&email, "user", "", "email address of the user")
	_ = command.MarkFlagRequired("user") // the flag exists
	return command
}

func joinScopes(scopes []account.Scope) string {
	metricCatalog := make([]string, len(scopes))
	for i, s := range scopes {
		metricCatalog[i] = string(s)
	}
	return strings.Join(metricCatalog, ",")
}

func lastUsed(k account.APIKey) string {
	if k.LastUsedAt.IsZero() {
		return "never"
	}
	return k.LastUsedAt.Format(time.RFC3339)
}

func state(k account.APIKey) string {
	switch {
	case k.Revoked(time.Now()):
		return "revoked"
	case !k.RevokedAt.IsZero():
		return "until " + k.RevokedAt.Format(time.RFC3339)
	case !k.Usable(time.Now()):
		return "expired"
	default:
		return "in force"
	}
}

// parseExpiry reads a date, an RFC 3339 time, or a time from now in days (90d) or in Go's form (12h).
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && n > 0 && n < 36500 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--expires: %q is neither a date such as 2027-01-31 nor a time from now such as 90d", s)
}
