package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
)

// printedUser is a user as the user commands show them.
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
	command := &cobra.Command{Use: "user", Short: "Create, list and delete users"}
	command.AddCommand(p.userCreateCommand(), p.userListCommand(), p.userDeleteCommand())
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

func (p *program) userDeleteCommand() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use: "delete EMAIL", Short: "Delete a user with everything that is stored for them", Args: exactArgs(1),
		Long: `Delete a user with everything that is stored for them: the account, its API keys, every value, every archived body and what
the audit log holds about them. It cannot be undone. A running server stops accepting the keys within a second.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				user, err := userNamed(ctx, db, args[0])
				if err != nil {
					return err
				}
				if err := p.confirmDelete(user, yes); err != nil {
					return err
				}
				if err := p.withSharedCache(db, func(responses responseCache) error {
					return p.authenticator(db, responses.invalidator()).DeleteUser(ctx, user.ID)
				}); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.out, "User %s is deleted, with everything that was stored.\n", user.Email)
				return err
			})
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return command
}

// usersNamed returns the user with an email address, or everybody where none is given.
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

// userNamed returns the user with this e-mail address. An error says whom it looked for.
func userNamed(ctx context.Context, db database, email string) (account.User, error) {
	user, err := db.UserByEmail(ctx, email)
	if err != nil {
		return account.User{}, fmt.Errorf("user %s: %w", email, err)
	}
	return user, nil
}

// confirmDelete asks at a terminal for the email address once more. Elsewhere nobody can answer.
func (p *program) confirmDelete(user account.User, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(p.in) {
		return usageError{errors.New("nothing was deleted: say --yes to delete without being asked")}
	}
	fmt.Fprintf(p.err, "This deletes %s with everything that is stored, and cannot be undone.\nType the email address to go on: ", user.Email)
	answer, _ := bufio.NewReader(p.in).ReadString('\n') // what is left of a line that breaks off is no address
	if strings.TrimSpace(answer) != user.Email {
		return usageError{errors.New("nothing was deleted: that is not the address")}
	}
	return nil
}

// printUsers prints a table or, as JSON, a list, or the one user alone.
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
