package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/health-export/health-export/internal/problem"
)

// Backup writes a snapshot of the database in the file at path to a new file, which only its owner can read, and checks it.
// Servers may continue to read and write meanwhile; their write-ahead log grows until it is done. The schema is not
// migrated: a later version of the program may back up before it migrates. The new file appears when it is complete, checked
// and on disk, or not at all. Backup returns its size in bytes.
//
// Errors: NotFound, there is no database at path; Conflict, the new file exists; Unavailable, as those of a store.
func Backup(ctx context.Context, path, to string) (size int64, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, problem.New(problem.NotFound, "database_not_found", "There is no database at "+path+".").Because(err)
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return 0, problem.New(problem.Conflict, "backup_exists", "The file "+to+" exists already. Choose another name, or move it away.")
	}
	// In the same folder under another name, so that an incomplete file is not taken for a backup.
	partial, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*.partial")
	if err != nil {
		return 0, problem.New(problem.Unavailable, "backup_not_written", "The file "+to+" cannot be written.").Because(err)
	}
	defer func() {
		_ = partial.Close()
		_ = os.Remove(partial.Name()) // it was renamed on success
	}()
	if err := copyDatabase(ctx, path, partial.Name()); err != nil {
		return 0, translate(ctx, "back up", err)
	}
	if err := checkIntegrity(ctx, partial.Name()); err != nil {
		return 0, translate(ctx, "check the backup", err)
	}
	return finish(partial, to)
}

// copyDatabase copies in one read transaction. VACUUM INTO can be interrupted and omits what was deleted, which a copy page
// by page does not.
func copyDatabase(ctx context.Context, from, to string) error {
	const readOnly = false // to SQLite this is writing, although only the copy is written to
	return withFile(from, readOnly, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `VACUUM INTO ?`, to)
		return err
	})
}

func checkIntegrity(ctx context.Context, path string) error {
	const readOnly = true
	return withFile(path, readOnly, func(db *sql.DB) error {
		var found string
		err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found)
		if err == nil && found != "ok" {
			err = fmt.Errorf("the copy is damaged, and so may be the database: %s", found)
		}
		return err
	})
}

// withFile opens a database as it is, without migrating it.
func withFile(path string, readOnly bool, do func(*sql.DB) error) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	connector, err := newConnector(location{path: absolute}.dsn(readOnly))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	return do(db)
}

// finish renames the file once it is on disk.
func finish(file *os.File, name string) (size int64, err error) {
	if err := file.Sync(); err != nil {
		return 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if err := file.Close(); err != nil {
		return 0, err
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return 0, err
	}
	return info.Size(), syncFolder(filepath.Dir(name))
}

// syncFolder makes a rename durable. Windows does it by itself.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
