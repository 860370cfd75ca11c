package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/connect"
)

// connectFlags is what was asked of connect.
type connectFlags struct {
	email, name, url, dataType string
}

// printedConnection is the set-up of a phone as JSON.
type printedConnection struct {
	Key         printedKey          `json:"key"`
	URL         string              `json:"url"`
	Addresses   []string            `json:"addresses"` // under which the server can be reached
	Warning     string              `json:"warning,omitempty"`
	Automations []printedAutomation `json:"automations"`
}

type printedAutomation struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Link  string `json:"link"`
}

func (p *program) connectCommand() *cobra.Command {
	var asked connectFlags
	command := &cobra.Command{
		Use: "connect --user EMAIL", Short: "Set up the app on a phone with two QR codes", Args: exactArgs(0),
		Long: `Make a key that may only send, and print two links that create automations in the app Health Auto Export, each with its QR
code: what is recent every hour, and once a day the last seven days again, for entries that reach the phone late. Point the
phone's camera at the codes one after the other. They hold the key: do not show them to others.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(connect.DataTypes, asked.dataType) {
				return usageError{fmt.Errorf("--data: %q is none of %s", asked.dataType, strings.Join(connect.DataTypes, ", "))}
			}
			return p.connect(cmd.Context(), asked)
		},
	}
	flags := command.Flags()
	flags.StringVar(&asked.email, "user", "", "email address of the user whose phone it is")
	flags.StringVar(&asked.name, "name", "phone", "what the key is called")
	flags.StringVar(&asked.url, "url", "", "address at which the phone reaches the server; --public-url or those of this machine if left out")
	flags.StringVar(&asked.dataType, "data", connect.DataTypes[0], "what the automations send: "+strings.Join(connect.DataTypes, ", "))
	_ = command.MarkFlagRequired("user") // the flag exists
	p.addJSONFlag(command)
	return command
}

func (p *program) connect(ctx context.Context, asked connectFlags) error {
	addresses, err := p.addresses(asked.url)
	if err != nil {
		return err
	}
	return p.withStore(ctx, func(ctx context.Context, db database) error {
		user, err := userNamed(ctx, db, asked.email)
		if err != nil {
			return err
		}
		key, secret, err := p.authenticator(db, nil).CreateKey(ctx, access.NewKey{
			UserID: user.ID, Name: asked.name, Scopes: []account.Scope{account.ScopeIngest},
		})
		if err != nil {
			return err
		}
		connection := printedConnection{Key: printKey(key, secret), URL: addresses[0], Addresses: addresses}
		if connect.Local(addresses[0]) {
			connection.Warning = fmt.Sprintf("The server listens on %s, which no phone can reach. Start it with --listen 0.0.0.0:8080, or name its address with --public-url.", p.settings.listen)
		}
		for _, a := range connect.Automations(addresses[0], secret, asked.dataType) {
			connection.Automations = append(connection.Automations, printedAutomation{a.Name, a.Title, a.Link})
		}
		if p.json {
			return p.printJSON(connection)
		}
		return p.printConnection(&connection)
	})
}

// addresses returns where a phone can reach the server, the best first.
func (p *program) addresses(asked string) ([]string, error) {
	if named := cmp.Or(asked, p.settings.publicURL); named != "" {
		base, ok := connect.CheckBase(named)
		if !ok {
			return nil, usageError{fmt.Errorf("--url: %q is not an address such as https://health.example.org", named)}
		}
		return []string{base}, nil
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	addresses := connect.Addresses(p.settings.listen, interfaces)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("this machine has no address in a network; name the server's with --url")
	}
	return addresses, nil
}

func (p *program) printConnection(c *printedConnection) error {
	for _, a := range c.Automations {
		code, err := connect.NewCode(a.Link)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "\n%s\n\n%s\n%s\n", automationHeadings[a.Name], code.Terminal(), a.Link)
	}
	fmt.Fprintf(p.out, "\nThe phone will send to %s with the key %s, which is called %q.\n", c.URL, c.Key.ID, c.Key.Name)
	if len(c.Addresses) > 1 {
		fmt.Fprintf(p.out, "If it cannot reach that, try another address with --url: %s\n", strings.Join(c.Addresses[1:], ", "))
	}
	if c.Warning != "" {
		fmt.Fprintf(p.err, "Warning: %s\n", c.Warning)
	}
	return nil
}

// automationHeadings says what an automation is for.
var automationHeadings = map[string]string{
	"recent":  "1. What is recent, every hour",
	"overlap": "2. The last seven days again, once a day",
}
