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

// connectFlags are the flags of connect.
type connectFlags struct {
	email, name, url, dataType string
}

// printedConnection is the set-up of a phone as JSON.
type printedConnection struct {
	Key         printedKey          `json:"key"`
	URL         string              `json:"url"`
	Addresses   []string            `json:"addresses"` // at which the server can be reached
	Warning     string              `json:"warning,omitempty"`
	Automations []printedAutomation `json:"automations"`
}

type printedAutomation struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	About string `json:"about"`
	Check string `json:"check,omitempty"`
	Link  string `json:"link"`
}

func (p *program) connectCommand() *cobra.Command {
	var flags connectFlags
	command := &cobra.Command{
		Use: "connect --user EMAIL", Short: "Set up the app on a phone with four QR codes", Args: exactArgs(0),
		Long: `Make a key that may only send, and print four links that create automations in the app Health Auto Export, each with its
QR code: recent data by minutes, every hour; and once a day the last seven days by whole days, which are Apple's own
figures, the heart rate of the last seven days by minutes, and the workouts. With --data there are two, for what it names.
Point the phone's camera at the codes one after the other. They hold the key: do not show them to others.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(connect.DataTypes, flags.dataType) {
				return usageError{fmt.Errorf("--data: %q is none of %s", flags.dataType, strings.Join(connect.DataTypes, ", "))}
			}
			return p.connect(cmd.Context(), flags)
		},
	}
	set := command.Flags()
	set.StringVar(&flags.email, "user", "", "email address of the user whose phone it is")
	set.StringVar(&flags.name, "name", "phone", "what the key is called")
	set.StringVar(&flags.url, "url", "", "address at which the phone reaches the server; --public-url or those of this machine if left out")
	set.StringVar(&flags.dataType, "data", connect.DataTypes[0], "what the automations send: "+strings.Join(connect.DataTypes, ", "))
	_ = command.MarkFlagRequired("user") // the flag exists
	p.addJSONFlag(command)
	return command
}

func (p *program) connect(ctx context.Context, flags connectFlags) error {
	addresses, err := p.addresses(flags.url)
	if err != nil {
		return err
	}
	return p.withUser(ctx, flags.email, func(ctx context.Context, db database, user account.User) error {
		key, secret, err := p.authenticator(db, nil).CreateKey(ctx, access.NewKey{
			UserID: user.ID, Name: flags.name, Scopes: []account.Scope{account.ScopeIngest},
		})
		if err != nil {
			return err
		}
		connection := printedConnection{Key: printKey(key, secret), URL: addresses[0], Addresses: addresses}
		if connect.Local(addresses[0]) {
			connection.Warning = fmt.Sprintf("The server listens on %s, which no phone can reach. Start it with --listen 0.0.0.0:8080, or name its address with --public-url.", p.settings.listen)
		}
		for _, a := range connect.Automations(addresses[0], secret, flags.dataType) {
			connection.Automations = append(connection.Automations, printedAutomation(a))
		}
		if p.json {
			return p.printJSON(connection)
		}
		return p.printConnection(&connection)
	})
}

// addresses returns the addresses at which a phone can reach the server, the likeliest first.
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
	p.explainAutomations(c.Automations)
	for i, a := range c.Automations {
		code, err := connect.NewCode(a.Link)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "\n%d. %s\n\n%s\n%s\n", i+1, a.Title, code.Terminal(), a.Link)
		if a.Check != "" {
			fmt.Fprintf(p.out, "\n%s\n", wrapped("Then look in the app: "+a.Check, ""))
		}
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

// explainAutomations says, before the first code, what the codes will set up and why.
func (p *program) explainAutomations(list []printedAutomation) {
	numbers := map[int]string{2: "two", 4: "four"}
	fmt.Fprintf(p.out, "This sets up %s automations in the app Health Auto Export.\n\n%s\n\n", numbers[len(list)], wrapped(connect.Why, ""))
	for i, a := range list {
		fmt.Fprintln(p.out, wrapped(fmt.Sprintf("%d. %s", i+1, a.About), "   "))
	}
	fmt.Fprintf(p.out, "\n%s\n", wrapped("Point the phone's camera at the codes below, one after the other, and open the link that it shows. The codes hold the key: do not show them to others.", ""))
}

// terminalWidth is how many columns of text are printed at most.
const terminalWidth = 78

// wrapped breaks a text into lines of a terminal; indent is put before all but the first.
func wrapped(text, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch width := len([]rune(word)); {
		case i == 0:
			column = width
		case column+1+width > terminalWidth:
			b.WriteString("\n" + indent)
			column = len(indent) + width
		default:
			b.WriteByte(' ')
			column += 1 + width
		}
		b.WriteString(word)
	}
	return b.String()
}
