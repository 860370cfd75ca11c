package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/health"
)

// printedUser is a user as the user commands show them.
type printedUser struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name,omitempty"`
	TimeZone  string    `json:"time_zone"`
	CreatedAt time.Time `json:"created_at"`
}

func printUser(u health.User) printedUser {
	return printedUser{u.ID.String(), u.Email, u.Name, u.TimeZone, u.CreatedAt}
}

func (p *program) userCommand() *cobra.Command {
	command := &cobra.Command{Use: "user", Short: "Create and list users"}
	command.AddCommand(p.userCreateCommand(), p.userListCommand())
	return command
}

func (p *program) userCreateCommand() *cobra.Command {
	var name, zone string
	command := &cobra.Command{
		Use: "create EMAIL", Short: "Create a user", Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			user, err := health.NewUser(args[0], name, zone, time.Now())
			if err != nil {
				return err
			}
			return p.withStore(cmd.Context(), func(ctx context.Context, db database) error {
				if err := db.CreateUser(ctx, user); err != nil {
					return err
				}
				return p.printUsers([]health.User{user}, true)
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

// printUsers prints a table or, as JSON, a list, or the one user alone.
func (p *program) printUsers(users []health.User, one bool) error {
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
