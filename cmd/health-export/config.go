package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/connect"
)

// setting is one thing that can be configured. What is in force comes from, in this order: the flag, the environment,
// the file .env in the working directory, the TOML file, the default.
type setting struct {
	key         string // in the TOML file, with dots for tables
	variable    string // in the environment and in .env
	flag        string // "" for those that are rarely needed
	usage       string
	initial     string // the default, as text
	set         func(text string) error
	secret      bool // its password is hidden when it is printed, and it may come from a file
	hidden      bool // a secret of which nothing is printed
	value, from string
}

// logLevels are what the level of the log may be.
var logLevels = []string{"debug", "info", "warn", "error"}

// settings is everything that can be configured.
type settings struct {
	environment map[string]string
	file        string // of the TOML configuration; "" for none
	list        []*setting

	database        string
	redis           string
	maxConnections  int
	minConnections  int
	databaseTimeout time.Duration
	migrate         bool
	listen          string
	metricsListen   string
	publicURL       string
	logLevel        string
	logFormat       string
	maxBody         int64
	wait            time.Duration
	concurrency     int
	tempDir         string
	importDir       string
	maxImport       int64
	archiveDays     int
	auditDays       int
	trustedProxies  []netip.Prefix
	corsOrigins     []string
	certificate     string
	certificateKey  string
	acmeDomains     []string
	acmeDirectory   string
	stopDelay       time.Duration
	drain           time.Duration
	traces          traceSettings
	limits          map[string]*access.Allowance // by tier
}

func newSettings(environment map[string]string) *settings {
	s := &settings{environment: environment}
	s.list = []*setting{
		{ // #nosec G101 -- the form of an address, without a real password
			key: "database", variable: "DATABASE_URL", flag: "database", set: text(&s.database), secret: true,
			initial: "sqlite:" + filepath.Join(dataDir(environment), "health-export.db"),
			usage:   "where data is kept: sqlite:/path/file.db, sqlite::memory: or postgres://user:password@host/database",
		},
		{
			key: "redis", variable: "REDIS_URL", flag: "redis", set: text(&s.redis), secret: true, initial: "",
			usage: "Redis for several servers on one database: redis://user:password@host:port, rediss:// for TLS; empty for none",
		},
		{
			key: "postgres.max_connections", variable: "HEALTH_EXPORT_POSTGRES_MAX_CONNECTIONS", set: number(&s.maxConnections),
			initial: "20", usage: "most connections to PostgreSQL that are open at once",
		},
		{
			key: "postgres.min_connections", variable: "HEALTH_EXPORT_POSTGRES_MIN_CONNECTIONS", set: number(&s.minConnections),
			initial: "5", usage: "connections to PostgreSQL that are kept open",
		},
		{
			key: "postgres.timeout", variable: "HEALTH_EXPORT_POSTGRES_TIMEOUT", set: duration(&s.databaseTimeout),
			initial: "1m", usage: "how long one call to PostgreSQL may take",
		},
		{
			key: "postgres.migrate", variable: "HEALTH_EXPORT_POSTGRES_MIGRATE", set: yesOrNo(&s.migrate),
			initial: "true", usage: "whether a start brings the schema up to date; if false, run health-export migrate up first",
		},
		{
			key: "listen", variable: "HEALTH_EXPORT_LISTEN", flag: "listen", set: text(&s.listen),
			initial: "127.0.0.1:8080", usage: "address of the API",
		},
		{
			key: "metrics_listen", variable: "HEALTH_EXPORT_METRICS_LISTEN", flag: "metrics-listen", set: text(&s.metricsListen),
			initial: "127.0.0.1:9090", usage: `address of the Prometheus metrics; "off" for none`,
		},
		{
			key: "public_url", variable: "HEALTH_EXPORT_PUBLIC_URL", flag: "public-url", set: address(&s.publicURL),
			initial: "", usage: "where phones reach the API, such as https://health.example.org; empty for the addresses it listens on",
		},
		{
			key: "log.level", variable: "HEALTH_EXPORT_LOG_LEVEL", flag: "log-level", set: oneOf(&s.logLevel, logLevels...),
			initial: "info", usage: "least level that is logged: debug, info, warn or error; PUT /log_level beside the metrics changes it",
		},
		{
			key: "log.format", variable: "HEALTH_EXPORT_LOG_FORMAT", flag: "log-format", set: oneOf(&s.logFormat, "json", "text"),
			initial: "json", usage: "json or text",
		},
		{
			key: "ingest.max_body", variable: "HEALTH_EXPORT_INGEST_MAX_BODY", set: size(&s.maxBody),
			initial: "200MiB", usage: "largest body that is accepted, before and after its compression is undone",
		},
		{
			key: "ingest.wait", variable: "HEALTH_EXPORT_INGEST_WAIT", set: duration(&s.wait),
			initial: "20s", usage: "how long an answer waits for processing before it says 202",
		},
		{
			key: "ingest.concurrency", variable: "HEALTH_EXPORT_INGEST_CONCURRENCY", set: number(&s.concurrency),
			initial: "0", usage: "how many bodies are processed at once; 0 for the number of CPUs",
		},
		{
			key: "ingest.temp_dir", variable: "HEALTH_EXPORT_INGEST_TEMP_DIR", set: text(&s.tempDir),
			initial: "", usage: "directory for temporary files of large bodies; empty for the system's",
		},
		{
			key: "import.dir", variable: "HEALTH_EXPORT_IMPORT_DIR", set: text(&s.importDir),
			initial: "", usage: "directory in which uploads to be imported wait until they are processed; empty for one beside the data",
		},
		{
			key: "import.max_size", variable: "HEALTH_EXPORT_IMPORT_MAX_SIZE", set: size(&s.maxImport),
			initial: "16GiB", usage: "largest file that may be uploaded to be imported",
		},
		{
			key: "retention.archive_days", variable: "HEALTH_EXPORT_RETENTION_ARCHIVE_DAYS", set: number(&s.archiveDays),
			initial: "0", usage: "days after which received bodies are let go, what was stored from them staying; 0 keeps them for ever",
		},
		{
			key: "retention.audit_days", variable: "HEALTH_EXPORT_RETENTION_AUDIT_DAYS", set: number(&s.auditDays),
			initial: "365", usage: "days for which the audit log is kept; 0 keeps it for ever",
		},
		{
			key: "trusted_proxies", variable: "HEALTH_EXPORT_TRUSTED_PROXIES", set: networks(&s.trustedProxies),
			initial: "", usage: "addresses or networks of proxies whose X-Forwarded-For is believed, such as 127.0.0.1,10.0.0.0/8; empty for none",
		},
		{
			key: "cors.origins", variable: "HEALTH_EXPORT_CORS_ORIGINS", set: stringList(&s.corsOrigins),
			initial: "", usage: "origins whose pages may ask the API from a browser, such as https://example.org; empty for none",
		},
		{
			key: "tls.certificate", variable: "HEALTH_EXPORT_TLS_CERTIFICATE", set: text(&s.certificate),
			initial: "", usage: "file of the certificate with which the API is served over TLS; it is read again when it changes",
		},
		{
			key: "tls.key", variable: "HEALTH_EXPORT_TLS_KEY", set: text(&s.certificateKey),
			initial: "", usage: "file of the private key that belongs to the certificate",
		},
		{
			key: "tls.acme_domains", variable: "HEALTH_EXPORT_TLS_ACME_DOMAINS", set: stringList(&s.acmeDomains),
			initial: "", usage: "domains for which certificates are got from Let's Encrypt, whose terms you then agree to; needs port 443",
		},
		{
			key: "tls.acme_directory", variable: "HEALTH_EXPORT_TLS_ACME_DIRECTORY", set: text(&s.acmeDirectory),
			initial: "", usage: "directory of another ACME server to get them from, such as https://ca.internal/acme/acme/directory; empty for Let's Encrypt",
		},
		{
			key: "shutdown.delay", variable: "HEALTH_EXPORT_SHUTDOWN_DELAY", set: durationOrNone(&s.stopDelay),
			initial: "0s", usage: "how long a server that is told to stop goes on answering, with /ready at 503, until balancers have learnt of it",
		},
		{
			key: "shutdown.timeout", variable: "HEALTH_EXPORT_SHUTDOWN_TIMEOUT", set: duration(&s.drain),
			initial: "30s", usage: "how long a stop waits for requests, and then for bodies, that are under way",
		},
	}
	s.addTraces()
	s.addLimits()
	return s
}

// addLimits adds what keys of the tiers that have limits may do in an hour.
func (s *settings) addLimits() {
	s.limits = map[string]*access.Allowance{}
	initial := access.DefaultAllowances()
	for _, tier := range []string{access.TierDefault, access.TierBulk} {
		a := &access.Allowance{}
		s.limits[tier] = a
		key, variable := "limits."+tier+".", "HEALTH_EXPORT_LIMITS_"+strings.ToUpper(tier)+"_"
		s.list = append(s.list,
			&setting{
				key: key + "ingest_requests", variable: variable + "INGEST_REQUESTS", set: number64(&a.IngestRequests),
				initial: strconv.FormatInt(initial[tier].IngestRequests, 10),
				usage:   "bodies that a key of the tier " + tier + " may send in an hour; 0 for no limit",
			},
			&setting{
				key: key + "ingest_bytes", variable: variable + "INGEST_BYTES", set: sizeOrNone(&a.IngestBytes),
				initial: strconv.FormatInt(initial[tier].IngestBytes>>20, 10) + "MiB",
				usage:   "what they may weigh together; 0 for no limit",
			},
			&setting{
				key: key + "reads", variable: variable + "READS", set: number64(&a.Reads),
				initial: strconv.FormatInt(initial[tier].Reads, 10),
				usage:   "other requests that a key of the tier " + tier + " may make in an hour; 0 for no limit",
			},
		)
	}
}

// allowances returns what was set of the limits.
func (s *settings) allowances() map[string]access.Allowance {
	all := map[string]access.Allowance{}
	for tier, a := range s.limits {
		all[tier] = *a
	}
	return all
}

// addFlags adds a flag for every setting that has one, and the one that names the file.
func (s *settings) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.file, "config", s.environment["HEALTH_EXPORT_CONFIG"], "TOML file to read (HEALTH_EXPORT_CONFIG)")
	for _, item := range s.list {
		if item.flag != "" {
			flags.String(item.flag, item.initial, item.usage+" ("+item.variable+")")
		}
	}
}

// load finds the value of every setting. Flags must have been parsed.
func (s *settings) load(flags *pflag.FlagSet) error {
	file, err := readTOML(s.file)
	if err != nil {
		return err
	}
	dotenv, err := readDotenv(".env")
	if err != nil {
		return err
	}
	for _, item := range s.list {
		item.value, item.from = item.initial, "default"
		if value, ok := file[item.key]; ok {
			item.value, item.from = value, s.file
			delete(file, item.key)
		}
		if value, _, ok, err := item.lookUp(dotenv); err != nil {
			return err
		} else if ok {
			item.value, item.from = value, ".env"
		}
		if value, variable, ok, err := item.lookUp(s.environment); err != nil {
			return err
		} else if ok {
			item.value, item.from = value, variable
		}
		if item.flag != "" && flags.Changed(item.flag) {
			item.value, item.from = flags.Lookup(item.flag).Value.String(), "--"+item.flag
		}
		if err := item.set(item.value); err != nil {
			return usageError{fmt.Errorf("%s (from %s): %w", item.key, item.from, err)}
		}
	}
	for key := range file {
		return usageError{fmt.Errorf("%s: %q is not a setting; health-export config print lists them", s.file, key)}
	}
	return nil
}

// readTOML returns the settings of a file by their keys, tables joined with dots.
func readTOML(path string) (map[string]string, error) {
	flat := map[string]string{}
	if path == "" {
		return flat, nil
	}
	content, err := os.ReadFile(path) // #nosec G304 -- whoever starts the program names the file
	if err != nil {
		return nil, usageError{fmt.Errorf("configuration: %w", err)}
	}
	tree := map[string]any{}
	if err := toml.Unmarshal(content, &tree); err != nil {
		return nil, usageError{fmt.Errorf("configuration %s: %w", path, err)}
	}
	flatten(flat, "", tree)
	return flat, nil
}

func flatten(flat map[string]string, prefix string, tree map[string]any) {
	for key, value := range tree {
		if table, ok := value.(map[string]any); ok {
			flatten(flat, prefix+key+".", table)
			continue
		}
		flat[prefix+key] = fmt.Sprint(value)
	}
}

func readDotenv(path string) (map[string]string, error) {
	values, err := godotenv.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", path, err)}
	}
	return values, nil
}

// dataDir is where the user's data lives by the custom of the system: XDG_DATA_HOME, on Linux ~/.local/share.
func dataDir(environment map[string]string) string {
	home := environment["HOME"]
	switch {
	case environment["XDG_DATA_HOME"] != "":
		return filepath.Join(environment["XDG_DATA_HOME"], "health-export")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "health-export")
	case runtime.GOOS == "windows":
		return filepath.Join(environment["LOCALAPPDATA"], "health-export")
	default:
		return filepath.Join(home, ".local", "share", "health-export")
	}
}

func (p *program) configCommand() *cobra.Command {
	command := &cobra.Command{Use: "config", Short: "Show the configuration"}
	printCommand := &cobra.Command{
		Use: "print", Short: "Show every setting, its value and where that comes from; secrets are hidden",
		Args: exactArgs(0),
		RunE: func(*cobra.Command, []string) error { return p.printSettings() },
	}
	p.addJSONFlag(printCommand)
	command.AddCommand(printCommand)
	return command
}

// printedSetting is a setting as config print shows it.
type printedSetting struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	From     string `json:"from"`
	Variable string `json:"variable"`
	Usage    string `json:"usage"`
}

func (p *program) printSettings() error {
	var list []printedSetting
	for _, item := range p.settings.list {
		value := item.value
		if item.hidden && value != "" {
			value = "…"
		}
		if item.secret {
			value = redactURL(value)
		}
		list = append(list, printedSetting{item.key, value, item.from, item.variable, item.usage})
	}
	return p.print(list, "KEY\tVALUE\tFROM\tVARIABLE", func(i int) []string {
		return []string{list[i].Key, list[i].Value, list[i].From, list[i].Variable}
	}, len(list))
}

// redactURL hides the password of a database URL.
func redactURL(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		return value
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		rest = user + ":…@" + rest[at+1:]
	}
	return scheme + "://" + rest
}

func text(target *string) func(string) error {
	return func(value string) error {
		*target = value
		return nil
	}
}

func address(target *string) func(string) error {
	return func(value string) error {
		base, ok := connect.CheckBase(value)
		if !ok && value != "" {
			return fmt.Errorf("%q is not an address such as https://health.example.org", value)
		}
		*target = base
		return nil
	}
}

func oneOf(target *string, allowed ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", "))
		}
		*target = value
		return nil
	}
}

func number(target *int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a whole number of 0 or more", value)
		}
		*target = n
		return nil
	}
}

func number64(target *int64) func(string) error {
	var n int
	set := number(&n)
	return func(value string) error {
		err := set(value)
		*target = int64(n)
		return err
	}
}

// sizeOrNone takes 0 as well, for no limit.
func sizeOrNone(target *int64) func(string) error {
	set := size(target)
	return func(value string) error {
		if value == "0" {
			*target = 0
			return nil
		}
		return set(value)
	}
}

func yesOrNo(target *bool) func(string) error {
	return func(value string) error {
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		*target = b
		return nil
	}
}

func duration(target *time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is not a duration such as 20s or 5m", value)
		}
		*target = d
		return nil
	}
}

// durationOrNone takes 0s as well.
func durationOrNone(target *time.Duration) func(string) error {
	return func(value string) error {
		if d, err := time.ParseDuration(value); err == nil && d == 0 {
			*target = 0
			return nil
		}
		return duration(target)(value)
	}
}

// stringList reads a list that is separated by commas or blanks.
func stringList(target *[]string) func(string) error {
	return func(value string) error {
		*target = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	}
}

func networks(target *[]netip.Prefix) func(string) error {
	return func(value string) error {
		var list []string
		_ = stringList(&list)(value) // never fails
		*target = nil
		for _, text := range list {
			network, err := netip.ParsePrefix(text)
			if address, notNetwork := netip.ParseAddr(text); notNetwork == nil {
				network, err = netip.PrefixFrom(address, address.BitLen()), nil
			}
			if err != nil {
				return fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
			}
			*target = append(*target, network.Masked())
		}
		return nil
	}
}

func size(target *int64) func(string) error {
	return func(value string) error {
		digits, shift := value, 0
		for unit, s := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
			if rest, ok := strings.CutSuffix(value, unit); ok {
				digits, shift = rest, s
			}
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > 1<<62>>shift {
			return fmt.Errorf("%q is not a size such as 200MiB", value)
		}
		*target = n << shift
		return nil
	}
}
