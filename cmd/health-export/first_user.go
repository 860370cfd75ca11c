package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// firstUser is the email address of the user that the first start creates.
const firstUser = "owner@localhost.localdomain"

// createFirstUser creates a user and a key when the store has no user yet, and prints, this once, what a person needs to begin.
func (p *program) createFirstUser(ctx context.Context, c *components, address string) error {
	users, err := c.store.Users(ctx)
	if err != nil || len(users) > 0 {
		return err
	}
	user, err := account.NewUser(firstUser, "Owner", systemZone(p.environment), time.Now())
	if err != nil {
		return err
	}
	entry := access.NewAuditEntry(ctx, account.ActionUserCreate, user.ID, user.ID.String(), user.CreatedAt, nil)
	if err := c.store.CreateUser(ctx, user, entry); errors.Is(err, problem.Conflict) {
		return nil // another instance, which starts at the same time, was first
	} else if err != nil {
		return err
	}
	_, secret, err := c.authenticator.CreateKey(ctx, access.NewKey{
		UserID: user.ID, Name: "first key", Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead, account.ScopeAdmin},
		Tier: "unlimited",
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, firstStartMessage, user.Email, user.TimeZone, secret, address)
	return err
}

const firstStartMessage = `
Welcome to Health Export. A user %[1]s (time zone %[2]s) was created, with this API key.
It is shown only now; keep it:

    %[3]s

Its tier is unlimited, so that the first upload of many years passes. Keys you make for others have limits unless you say
otherwise (health-export key create --tier default, bulk or unlimited).

Send something, and read it back:

    curl -X POST http://%[4]s/v1/ingest -H "Authorization: Bearer %[3]s" -H "Content-Type: application/json" --data '{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0100","qty":9900,"source":"Watch"}]}]}}'
    curl http://%[4]s/v1/metrics/step_count/samples -H "Authorization: Bearer %[3]s"

In the app Health Auto Export, make an automation of type REST API:

    URL      http://%[4]s/v1/ingest   (with an address of this machine that the phone can reach, see --listen)
    Header   Authorization = Bearer %[3]s
    Format   JSON, version 2

`

// systemZone is the time zone this machine is set to, UTC where that cannot be told.
func systemZone(environment map[string]string) string {
	if zone := environment["TZ"]; zone != "" {
		if _, err := time.LoadLocation(zone); err == nil {
			return zone
		}
	}
	if target, err := os.Readlink("/etc/localtime"); err == nil {
		if _, zone, ok := strings.Cut(filepath.ToSlash(target), "zoneinfo/"); ok {
			if _, err := time.LoadLocation(zone); err == nil {
				return zone
			}
		}
	}
	return "UTC"
}
