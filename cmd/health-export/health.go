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
	address := loopbackAddress(p.settings.listen)
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	scheme, client := p.settings.ownClient()
	status, answer, err := get(ctx, client, scheme+"://"+address+"/health")
	if err != nil {
		return fmt.Errorf("the server at %s does not answer: %w", address, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("the server at %s is not well (status %d): %s", address, status, answer)
	}
	_, err = fmt.Fprintln(p.out, "well")
	return err
}

// ownClient returns a client for asking the server on this machine, and the scheme by which it answers.
func (s *settings) ownClient() (scheme string, client *http.Client) {
	scheme = "http"
	secured := &tls.Config{
		// The server is asked at an address of its own machine, for which its certificate is not made.
		InsecureSkipVerify: true, // #nosec G402 -- nothing is told to it, and nothing of its answer is kept
	}
	if s.certificate != "" || len(s.acmeDomains) > 0 {
		scheme = "https"
	}
	if len(s.acmeDomains) > 0 {
		secured.ServerName = s.acmeDomains[0] // without a name it has no certificate to show
	}
	return scheme, &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: secured}}
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
	answer, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, answer, err
}
