package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is more than the server waits for its database, so that its own word about it is heard.
const healthTimeout = 4 * time.Second

func (p *program) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use: "health", Short: "Ask the server on this machine whether it is well", Args: exactArgs(0),
		Long: `Ask the server that listens on the configured address of this machine whether it is well: exit code 0 if it is, 1 if not.
It is what containers, whose image has no other program, are watched with.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.askHealth(cmd.Context()) },
	}
}

func (p *program) askHealth(ctx context.Context) error {
	address := reachable(p.settings.listen)
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		// The server's certificate is for its public name, which is not the one it is asked by here.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	status, answer, err := get(ctx, client, "http://"+address+"/health")
	if err == nil && status == http.StatusBadRequest { // what a server that speaks TLS says to plain HTTP
		status, answer, err = get(ctx, client, "https://"+address+"/health")
	}
	if err != nil {
		return fmt.Errorf("the server at %s does not answer: %w", address, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("the server at %s is not well (status %d): %s", address, status, answer)
	}
	_, err = fmt.Fprintln(p.out, "well")
	return err
}

func get(ctx context.Context, client *http.Client, url string) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, 4<<10))
	return response.StatusCode, answer, err
}
