package postgres

import (
	"context"
	"time"
)

// Prepare creates the partitions that will be needed soon, see EnsurePartitions.
func (s *Store) Prepare(ctx context.Context, now time.Time) error {
	return s.EnsurePartitions(ctx, now)
}

// DropAuditBefore drops the partitions of the audit log that hold nothing from t or later.
func (s *Store) DropAuditBefore(ctx context.Context, t time.Time) error {
	_, err := s.DropPartitionsBefore(ctx, AuditHistory, t)
	return err
}

// DropArchiveBefore drops the partitions of the archive that hold nothing from t or later, see DropPartitionsBefore.
func (s *Store) DropArchiveBefore(ctx context.Context, t time.Time) error {
	_, err := s.DropPartitionsBefore(ctx, ArchiveHistory, t)
	return err
}
