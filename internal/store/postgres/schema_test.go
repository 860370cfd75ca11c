package postgres_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/testdb"
)

var update = flag.Bool("update", false, "write testdata/schema.sql anew")

// schema describes all tables, indexes, constraints and views from the catalogue of the database, so that it can be read
// wherever there is an address, in any version.
const schema = `
WITH ours AS (
	SELECT c.oid, c.relname, c.relkind FROM pg_class c
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'goose_db_version' AND NOT c.relispartition
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
), parts AS (
	SELECT relname, 1 AS part, '' AS name, 'TABLE ' || relname || coalesce(' PARTITION BY ' || pg_get_partkeydef(oid), '') AS line
	FROM ours WHERE relkind IN ('r', 'p')
	UNION ALL
	SELECT o.relname, 2, lpad(a.attnum::text, 3, '0'), '    ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
		|| CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE "' || (SELECT collname FROM pg_collation WHERE oid = a.attcollation) || '"' ELSE '' END
		|| CASE WHEN a.attstorage <> t.typstorage THEN ' STORAGE ' || a.attstorage::text ELSE '' END
		|| CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
		|| coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
	FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = o.oid AND d.adnum = a.attnum
	WHERE o.relkind IN ('r', 'p')
	UNION ALL
	SELECT o.relname, 3, n.conname, '    CONSTRAINT ' || n.conname || ' ' || pg_get_constraintdef(n.oid)
	FROM ours o JOIN pg_constraint n ON n.conrelid = o.oid WHERE n.contype <> 'n'
	UNION ALL
	SELECT o.relname, 4, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
	FROM ours o JOIN pg_index i ON i.indrelid = o.oid WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
	UNION ALL
	SELECT relname, 5, '', 'VIEW ' || relname || ' AS' || E'\n' || pg_get_viewdef(oid) FROM ours WHERE relkind = 'v'
)
SELECT line FROM parts ORDER BY relname COLLATE "C", part, name COLLATE "C"`

// The checked-in schema is what all migrations together make of an empty database. A difference means that a migration
// that is part of a release was changed, or that a new one needs this file written again with -update.
func TestSchema(t *testing.T) {
	t.Parallel()
	got := strings.Join(query[string](t, testdb.PostgresURL(t), schema), "\n") + "\n"
	const golden = "testdata/schema.sql"
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the schema is another one (-want +got):\n%s", diff)
	}
}

// A row of a hot table takes what the comment of its migration says, on the page and in the index.
func TestRowsAreNarrow(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	const rows = 20_000
	write(t, s, user, readings("step_count", march, rows)...)
	exec(t, url, `VACUUM activity_metrics`)
	sizes := query[int64](t, url, `
		SELECT pg_relation_size(inhrelid) / $1 FROM pg_inherits WHERE inhparent = 'activity_metrics'::regclass
		UNION ALL
		SELECT pg_indexes_size(inhrelid) / $1 FROM pg_inherits WHERE inhparent = 'activity_metrics'::regclass`, rows)
	if heap, index := sizes[0], sizes[1]; heap > 102 || index > 85 {
		t.Errorf("a row takes %d bytes and %d in the index", heap, index)
	} else {
		t.Logf("a row takes %d bytes and %d in the index", heap, index)
	}
}
