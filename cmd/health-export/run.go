package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/problem"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // the command failed
	exitUsage       = 2 // invalid command line or configuration
	exitNotFound    = 3 // a named user, key or ingestion does not exist
	exitConflict    = 4 // it exists already, or is in use
	exitUnavailable = 5 // the database or another service could not be reached
)

// program is one run of the program with its environment, injected so that tests can call it.
type program struct {
	environment map[string]string
	in          io.Reader
	out, err    io.Writer
	settings    *settings
	json        bool
}

// run runs the program once and returns its exit code. It prints an error to errOut.
func run(ctx context.Context, args []string, environment map[string]string, in io.Reader, out, errOut io.Writer) int {
	p := &program{environment: environment, in: in, out: out, err: errOut, settings: newSettings(environment)}
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errOut, "health-export:", errorMessage(err))
	return exitCode(err)
}

// errorMessage returns an error as it is printed: the message for the user, if there is one, without the cause that a driver
// gave.
func errorMessage(err error) string {
	var known *problem.Error
	if !errors.As(err, &known) {
		return err.Error()
	}
	text := strings.TrimSuffix(err.Error(), known.Error()) + known.Message
	if known.Kind == problem.Unavailable && known.Cause != nil {
		text += " (" + known.Cause.Error() + ")" // users run the database themselves and need the reason
	}
	return text
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "health-export",
		Short: "Keeps your health data and gives it back",
		Long: `health-export receives health data from the iOS app Health Auto Export, keeps all of it, and gives it back.

Exit codes: 0 done, 1 failed, 2 not understood, 3 not found, 4 conflict, 5 a service is unavailable.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return p.settings.load(cmd.Flags())
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	p.settings.addFlags(root.PersistentFlags())
	root.AddCommand(p.serveCommand(), p.healthCommand(), p.importCommand(), p.userCommand(), p.keyCommand(), p.auditCommand(), p.migrateCommand(), p.queryCommand(), p.exportCommand(),
		p.connectCommand(), p.replayCommand(), p.verifyCommand(), p.rebuildCommand(), p.backupCommand(), p.doctorCommand(), p.cacheCommand(), p.configCommand(), p.versionCommand())
	return root
}

// usageError is an invalid command line or configuration.
type usageError struct{ error }

// exitError is a failure of a command that has exit codes of its own.
type exitError struct {
	code int
	error
}

// Unwrap returns the failure.
func (e exitError) Unwrap() error { return e.error }

// exactArgs is cobra.ExactArgs with an error that counts as usage.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

func exitCode(err error) int {
	var usage usageError
	var own exitError
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &usage), errors.Is(err, problem.Invalid),
		strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "required flag"):
		return exitUsage
	case errors.Is(err, problem.NotFound):
		return exitNotFound
	case errors.Is(err, problem.Conflict):
		return exitConflict
	case errors.Is(err, problem.Unavailable):
		return exitUnavailable
	default:
		return exitFailed
	}
}

// environment turns os.Environ into a map.
func environment(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}
