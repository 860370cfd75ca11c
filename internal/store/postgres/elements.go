package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// plan is how a batch of anything but samples is written: the outcome of each element, and the statements that write those
// that differ from the stored ones.
type plan struct {
	outcomes []health.Outcome
	writes   []elementWrite
}

// elementWrite are the statements that write one element.
type elementWrite struct {
	index      int
	statements []statement
	err        error // see plan.refuse
}

// statement writes one row. Where it is batched, its SQL takes arrays, and args are one element of each: the rows of all
// batched statements with the same SQL are written at once, before the other statements. They must not have the same key.
type statement struct {
	sql     string
	args    []any
	batched bool
}

// single returns a batched statement as one that is executed separately.
func (s statement) single() statement { return statement{sql: s.sql, args: appendRow(nil, s.args)} }

func (p *plan) write(index int, outcome health.Outcome, statements ...statement) {
	p.outcomes[index] = outcome
	p.writes = append(p.writes, elementWrite{index: index, statements: statements})
}

// writeElements compares a batch with the stored elements and writes what differs, in one transaction and with all
// statements in one round trip. When the database refuses an element, the batch is written again, one element at a time, so
// that only the one at fault is rolled back.
func (s *Store) writeElements(
	ctx context.Context, body store.Body, operation string, count int,
	compare func(ctx context.Context, tx pgx.Tx, p *plan) error,
) (written store.Written, err error) {
	if count == 0 {
		return written, nil
	}
	for _, oneByOne := range []bool{false, true} {
		err = s.writeReceived(ctx, body.User, body.Order, operation, func(ctx context.Context, tx pgx.Tx) error {
			p := &plan{outcomes: make([]health.Outcome, count)}
			if err := compare(ctx, tx, p); err != nil {
				return err
			}
			written = store.Written{Outcomes: p.outcomes}
			if oneByOne {
				return p.runOneByOne(ctx, tx, &written)
			}
			return p.run(ctx, tx)
		})
		if _, isRefusal := refused(err); !isRefusal {
			break
		}
	}
	if err != nil {
		return store.Written{}, err
	}
	return written, nil
}

// refuse rejects an element for a reason that does not come from the database.
func (p *plan) refuse(index int, fault error) {
	p.writes = append(p.writes, elementWrite{index: index, err: fault})
}

func (p *plan) run(ctx context.Context, tx pgx.Tx) error {
	batched := map[string][]any{} // arrays, by the SQL that takes them
	var others []statement
	for i := range p.writes {
		w := &p.writes[i]
		if w.err != nil {
			return w.err
		}
		for _, st := range w.statements {
			if !st.batched {
				others = append(others, st)
				continue
			}
			batched[st.sql] = appendRow(batched[st.sql], st.args)
		}
	}
	batch := &pgx.Batch{}
	for sql, arrays := range batched {
		batch.Queue(sql, arrays...)
	}
	for _, st := range others {
		batch.Queue(st.sql, st.args...)
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// appendRow appends one element to each of the arrays, which are nil before the first row.
func appendRow(arrays, row []any) []any {
	if arrays == nil {
		arrays = make([]any, len(row))
		for i := range arrays {
			arrays[i] = []any(nil)
		}
	}
	for i, value := range row {
		arrays[i] = append(arrays[i].([]any), value)
	}
	return arrays
}

func (p *plan) runOneByOne(ctx context.Context, tx pgx.Tx, written *store.Written) error {
	for i := range p.writes {
		w := &p.writes[i]
		err := pgx.BeginFunc(ctx, tx, func(element pgx.Tx) error { // a savepoint
			return (&plan{writes: p.writes[i : i+1]}).run(ctx, element)
		})
		if err == nil {
			continue
		}
		reason, isRefusal := refused(err)
		if !isRefusal {
			return err
		}
		written.Refuse(w.index, reason)
	}
	return nil
}
