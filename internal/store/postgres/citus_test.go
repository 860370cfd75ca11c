package postgres_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/testdb"
)

// Citus cannot be run here, so these tests read the SQL of this package, and the catalogue of a migrated database.

// forbidden are the idioms that PostgreSQL takes and Citus refuses, or does not take on partitioned tables.
var forbidden = []struct{ why, pattern string }{
	{"system columns cannot be returned from partitioned tables", `\bxmax\b|\bxmin\b|\bctid\b`},
	{"functions after DO UPDATE SET must be immutable", `DO UPDATE SET[^;]*\b(now|random|gen_random_uuid|clock_timestamp|statement_timestamp|current_timestamp)\b`},
	{"no triggers", `\bCREATE\s+(CONSTRAINT\s+)?TRIGGER\b`},
	{"no rules", `\bCREATE\s+(OR\s+REPLACE\s+)?RULE\b`},
	{"MERGE is refused", `\bMERGE\s+INTO\b`},
	{"DETACH … CONCURRENTLY is not supported", `\bDETACH\s+PARTITION\b[^;]*\bCONCURRENTLY\b`},
	{"rows are locked on one shard only", `\bFOR\s+(UPDATE|SHARE|NO\s+KEY\s+UPDATE|KEY\s+SHARE)\b|\bSKIP\s+LOCKED\b`},
	{"no foreign keys", `\bREFERENCES\b|\bFOREIGN\s+KEY\b`},
	{"a DEFAULT partition makes it slow or impossible to add others", `\bPARTITION\s+OF\b[^;]*\bDEFAULT\b|ATTACH\s+PARTITION[^;]*\bDEFAULT\b`},
	{"numbers of a sequence are not in order", `\b(small|big)?serial\b|\bnextval\b|\bGENERATED\b`},
	{"the session belongs to somebody else after the transaction", `(^|;)\s*SET\s+(?:[^L]|L[^O])|\bLISTEN\b|\bPREPARE\b|pg_advisory_lock\b|pg_try_advisory_lock\b`},
	{"GROUPING SETS and recursion work for one user only", `\bGROUPING\s+SETS\b|\bROLLUP\b|\bCUBE\b|\bWITH\s+RECURSIVE\b`},
}

func TestSQLKeepsToTheRulesOfCitus(t *testing.T) {
	t.Parallel()
	texts := sqlOfPackage(t)
	if len(texts) < 50 {
		t.Fatalf("only %d texts were found: the test does not read what it should", len(texts))
	}
	for _, rule := range forbidden {
		pattern := regexp.MustCompile(`(?is)` + rule.pattern)
		for where, text := range texts {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%s: %q: %s", where, strings.Join(strings.Fields(found), " "), rule.why)
			}
		}
	}
}

// The rules must find what they forbid.
func TestRulesOfCitusFindWhatTheyForbid(t *testing.T) {
	t.Parallel()
	samples := []string{
		`INSERT INTO a VALUES (1) RETURNING (xmax = 0)`,
		`INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = 2, t = now()`,
		`CREATE TRIGGER a BEFORE UPDATE ON b`, `CREATE RULE a AS ON INSERT TO b`, `merge into a using b`,
		`ALTER TABLE a DETACH PARTITION b CONCURRENTLY`, `SELECT 1 FROM a FOR UPDATE SKIP LOCKED`,
		`user_id uuid REFERENCES users`, `CREATE TABLE b PARTITION OF a DEFAULT`, `id bigserial`,
		`SET statement_timeout = 5`, `SELECT 1 GROUP BY ROLLUP (a)`,
	}
	for i, rule := range forbidden {
		if !regexp.MustCompile(`(?is)` + rule.pattern).MatchString(samples[i]) {
			t.Errorf("%q is not found (%s)", samples[i], rule.why)
		}
	}
	for _, fine := range []string{
		`INSERT INTO a VALUES (now()) ON CONFLICT (x) DO UPDATE SET y = excluded.y`, `BEGIN; SET LOCAL statement_timeout = 5`,
		`SELECT pg_advisory_xact_lock(1)`, `UPDATE a SET b = 1 WHERE user_id = $1`,
	} {
		for _, rule := range forbidden {
			if regexp.MustCompile(`(?is)` + rule.pattern).MatchString(fine) {
				t.Errorf("%q is taken for a fault (%s)", fine, rule.why)
			}
		}
	}
}

// sqlOfPackage returns every text of the package's code and migrations, with the parts that are joined by + in one.
func sqlOfPackage(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	files := token.NewFileSet()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			expression, ok := node.(ast.Expr)
			if !ok {
				return true
			}
			text, isText := textOf(expression)
			if isText {
				texts[files.Position(node.Pos()).String()] = text
			}
			return !isText
		})
	}
	migrations := postgres.Migrations()
	err = fs.WalkDir(migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations, path)
		texts[path] = regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(string(text), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// textOf puts an expression of texts together; what is not a literal becomes an ellipsis.
func textOf(expression ast.Expr) (text string, ok bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, isLeft := textOf(e.X)
		right, isRight := textOf(e.Y)
		if e.Op != token.ADD || !isLeft && !isRight {
			return "", false
		}
		if !isLeft {
			left = " … "
		}
		if !isRight {
			right = " … "
		}
		return left + right, true
	case *ast.ParenExpr:
		return textOf(e.X)
	}
	return "", false
}

// The tables that are not spread by user: copied to every node, or on the coordinator.
var shared = []string{"api_key_use", "api_keys", "erased_keys", "goose_db_version", "leases", "metric_names", "sources", "trust", "users"}

// setFloats are the tables that the migration spreads by user, in the order of their names.
func setFloats(t *testing.T) (tables []string) {
	t.Helper()
	calls := regexp.MustCompile(`(?s)create_distributed_table\('(\w+)'|FOREACH spread IN ARRAY ARRAY\[(.*?)\]`)
	for _, text := range sqlOfPackage(t) {
		for _, match := range calls.FindAllStringSubmatch(text, -1) {
			tables = append(tables, regexp.MustCompile(`\w+`).FindAllString(match[1]+" "+match[2], -1)...)
		}
	}
	slices.Sort(tables)
	return tables
}

func TestEveryTableIsDistributedOrShared(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	have := query[string](t, url, `
		SELECT relname::text FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
			AND NOT relispartition AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
		ORDER BY relname COLLATE "C"`)
	want := slices.Sorted(slices.Values(slices.Concat(setFloats(t), shared)))
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("tables (-spread or shared +there):\n%s", diff)
	}
}

func TestSchemaKeepsToTheRulesOfCitus(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	write(t, s, createUser(t, s), reading("step_count", march, 1)) // so that there is a partition
	tables := setFloats(t)
	for why, faults := range map[string][]string{
		"a unique index of a table that is spread must have the user in it": query[string](t, url, `
			SELECT i.relname::text FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
			WHERE x.indisunique AND c.relname = ANY ($1) AND NOT EXISTS (
				SELECT FROM unnest(x.indkey) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k AND a.attname = 'user_id')`, tables),
		"a primary key must begin with the user": query[string](t, url, `
			SELECT c.relname::text FROM pg_class c WHERE c.relname = ANY ($1) AND NOT EXISTS (
				SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
				WHERE x.indrelid = c.oid AND x.indisprimary AND a.attname = 'user_id' AND a.attnotnull AND a.atttypid = 'uuid'::regtype)`, tables),
		"there must be no triggers": query[string](t, url, `
			SELECT tgname::text FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relname = ANY ($1)`, tables),
		"there must be no foreign keys": query[string](t, url, `SELECT conname::text FROM pg_constraint WHERE contype = 'f'`),
		"there must be no rules but those of views": query[string](t, url, `
			SELECT rulename::text FROM pg_rules WHERE schemaname = 'public' AND tablename = ANY ($1)`, tables),
		"there must be no generated numbers": query[string](t, url, `
			SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relname = ANY ($1) AND (a.attidentity <> '' OR EXISTS (
				SELECT FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum
					AND pg_get_expr(d.adbin, d.adrelid) NOT IN ('false')))`, tables), // constants are fine
		"partitions must be one level deep": query[string](t, url, `
			SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'p'`),
		"there must be no DEFAULT partition": query[string](t, url, `
			SELECT relname::text FROM pg_class WHERE relispartition AND pg_get_expr(relpartbound, oid) = 'DEFAULT'`),
	} {
		if len(faults) > 0 {
			t.Errorf("%s: %v", why, faults)
		}
	}
	if partitions := query[string](t, url, `SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r'`); len(partitions) != 1 {
		t.Errorf("partitions: %v", partitions)
	}
}
