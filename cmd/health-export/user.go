package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/query"
)

// printedUser is a user as the user commands print it.
type printedUser struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name,omitempty"`
	TimeZone  string    `json:"time_zone"`
	CreatedAt time.Time `json:"created_at"`
}

func printUser(u account.User) printedUser {
	return printedUser{u.ID.String(), u.Email, u.Name, u.TimeZone, u.CreatedAt}
}

func (p *program) userCommand() *cobra.Command {
	command := &cobra.Command{Use: "user", Short: "Create, list, change and delete users"}
	command.AddCommand(p.userCreateCommand(), p.userListCommand(), p.userSetCommand(), p.userSleepCommand(), p.userDeleteCommand())
	return command
}

func (p *program) userCreateCommand() *cobra.Command {
	var name, zone string
	command := &cobra.Command{
		Use: "create EMAIL", Short: "Create a user", Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			user, err := account.NewUser(args[0], name, zone, time.Now())
			if err != nil {
				return err
			}
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				entry := access.NewAuditEntry(ctx, account.ActionUserCreate, user.ID, user.ID.String(), user.CreatedAt, nil)
				if err := db.CreateUser(ctx, user, entry); err != nil {
					return err
				}
				return p.printUsers([]account.User{user}, true)
			})
		},
	}
	command.Flags().StringVar(&name, "name", "", "name to show")
	command.Flags().StringVar(&zone, "time-zone", "UTC", "IANA time zone in which the user lives, such as Europe/Paris")
	p.addJSONFlag(command)
	return command
}

func (p *program) userListCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "list", Short: "List the users", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				users, err := db.Users(ctx)
				if err != nil {
					return err
				}
				return p.printUsers(users, false)
			})
		},
	}
	p.addJSONFlag(command)
	return command
}

func (p *program) userSetCommand() *cobra.Command {
	var zone string
	command := &cobra.Command{
		Use: "set EMAIL --time-zone ZONE", Short: "Set the time zone in which a user lives", Args: exactArgs(1),
		Long: `Set the time zone in which a user lives. What was sent in UTC, or by Apple's export without a zone, moves to the local days
of the new zone, and those days are computed again. What came with an offset of its own stays as it is. A running server
may use the old zone for a few more minutes for what it receives.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withUser(cmd.Context(), args[0], func(ctx context.Context, db database, user account.User) error {
				return p.withSharedCache(db, func(responses responseCache) error {
					changed, err := p.setTimeZone(ctx, db, responses.invalidator(), user, zone)
					if err != nil {
						return err
					}
					return p.printUsers([]account.User{changed}, true)
				})
			})
		},
	}
	command.Flags().StringVar(&zone, "time-zone", "", "IANA time zone in which the user lives, such as Europe/Paris")
	_ = command.MarkFlagRequired("time-zone") // fails only for a flag that does not exist
	p.addJSONFlag(command)
	return command
}

func (p *program) userSleepCommand() *cobra.Command {
	var gap time.Duration
	command := &cobra.Command{
		Use: "sleep EMAIL", Short: "Show or set how the parts of a user's night are joined", Args: exactArgs(1),
		Long: `Show or set how the parts of a user's night are joined: two parts with no more than this gap between them are one night.
It is for the night; by day, from noon to 18:00, no more than an hour may lie between two parts, so that a nap stays a nap.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withUser(cmd.Context(), args[0], func(ctx context.Context, db database, user account.User) error {
				var settings query.SleepSettings
				var err error
				switch {
				case !cmd.Flags().Changed("gap"):
					settings, err = query.New(query.Config{Sleep: db}).SleepSettings(ctx, user)
				case gap%time.Minute != 0:
					return usageError{errors.New("--gap is in whole minutes, such as 2h30m")}
				default:
					err = p.withSharedCache(db, func(responses responseCache) error {
						rules := query.SleepRules{Store: db, Invalidator: responses.invalidator()}
						settings, err = rules.SetSleepSettings(ctx, user, query.SleepSettings{GapMinutes: int(gap / time.Minute)})
						return err
					})
				}
				if err != nil {
					return err
				}
				return p.print(settings, "GAP (MINUTES)", func(int) []string { return []string{strconv.Itoa(settings.GapMinutes)} }, 1)
			})
		},
	}
	command.Flags().DurationVar(&gap, "gap", 0, "the longest time awake within a night, from 0 to 12h; 3h where nothing was set")
	p.addJSONFlag(command)
	return command
}

// setTimeZone sets the time zone of a user and rebuilds the days that change by it.
func (p *program) setTimeZone(ctx context.Context, db database, invalidator cache.Invalidator, user account.User, zone string) (account.User, error) {
	changed, err := p.authenticator(db, invalidator).SetTimeZone(ctx, user.ID, zone)
	if err != nil || changed.TimeZone == user.TimeZone {
		return changed, err
	}
	rebuilder, err := newRebuilder(db, invalidator)
	if err != nil {
		return changed, err
	}
	_, err = rebuilder.Rebuild(ctx, user.ID)
	return changed, err
}

func (p *program) userDeleteCommand() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use: "delete EMAIL", Short: "Delete a user with everything that is stored for them", Args: exactArgs(1),
		Long: `Delete a user with everything that is stored for them: the account, its API keys, every value, every archived body and what
the audit log holds about them. It cannot be undone. A running server stops accepting the keys within a second.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withUser(cmd.Context(), args[0], func(ctx context.Context, db database, user account.User) error {
				if err := p.confirmDelete(user, yes); err != nil {
					return err
				}
				if err := p.withSharedCache(db, func(responses responseCache) error {
					return p.authenticator(db, responses.invalidator()).DeleteUser(ctx, user.ID)
				}); err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.out, "User %s is deleted, with everything that was stored.\n", user.Email)
				return err
			})
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return command
}

// usersNamed returns the user with an email address, or all users where it is empty.
func usersNamed(ctx context.Context, db database, email string) ([]account.User, error) {
	if email == "" {
		return db.Users(ctx)
	}
	user, err := userNamed(ctx, db, email)
	if err != nil {
		return nil, err
	}
	return []account.User{user}, nil
}

// userNamed returns the user with this email address. An error names the address.
func userNamed(ctx context.Context, db database, email string) (account.User, error) {
	user, err := db.UserByEmail(ctx, email)
	if err != nil {
		return account.User{}, fmt.Errorf("user %s: %w", email, err)
	}
	return user, nil
}

// withUser opens the configured store for one command about the user with this email address.
func (p *program) withUser(ctx context.Context, email string, do func(context.Context, database, account.User) error) error {
	return p.withStore(ctx, func(ctx context.Context, db database) error {
		user, err := userNamed(ctx, db, email)
		if err != nil {
			return err
		}
		return do(ctx, db, user)
	})
}

// confirmDelete asks for the email address at a terminal, unless yes. Without a terminal it fails.
func (p *program) confirmDelete(user account.User, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(p.in) {
		return usageError{errors.New("nothing was deleted: say --yes to delete without being asked")}
	}
	fmt.Fprintf(p.err, "This deletes %s with everything that is stored, and cannot be undone.\nType the email address to go on: ", user.Email)
	answer, _ := bufio.NewReader(p.in).ReadString('\n') // an incomplete line is not the address
	if strings.TrimSpace(answer) != user.Email {
		return usageError{errors.New("nothing was deleted: that is not the address")}
	}
	return nil
}

// printUsers prints a table or, as JSON, a list, or the only user.
func (p *program) printUsers(users []account.User, one bool) error {
	list := make([]printedUser, 0, len(users))
	for _, u := range users {
		list = append(list, printUser(u))
	}
	var value any = list
	if one {
		value = list[0]
	}
	return p.print(value, "ID\tEMAIL\tNAME\tTIME ZONE", func(i int) []string {
		return []string{list[i].ID, list[i].Email, list[i].Name, list[i].TimeZone}
	}, len(list))
}
