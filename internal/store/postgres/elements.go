package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// plan is what has to be done for a batch of anything but samples: what becomes of each element, and the statements that
// write those that differ from what is there.
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

// statement writes one row, or, where it is one of many, takes arrays of which args are an entry each: the rows of all
// such statements with the same text are written at once, before the other statements. They must not have the same key.
type statement struct {
	sql     string
	args    []any
	batched bool
}

// single makes a statement of its own of one that is written with many.
func (s statement) single() statement { return statement{sql: s.sql, args: appendRow(nil, s.args)} }

func (p *plan) write(index int, outcome health.Outcome, statements ...statement) {
	p.outcomes[index] = outcome
	p.writes = append(p.writes, elementWrite{index: index, statements: statements})
}

// writeElements compares a batch with what is there and writes what differs, in one transaction and with all statements
// sent at once. When the database refuses an element, everything is done again, one element at a time, so that the one
// at fault is undone alone. received tells when the body arrived, of a batch that is not empty.
func (s *Store) writeElements(
	ctx context.Context, user uuid.UUID, operation string, count int, received func() health.Instant,
	compare func(ctx context.Context, tx pgx.Tx, p *plan) error,
) (written store.Written, err error) {
	if count == 0 {
		return written, nil
	}
	for _, carefully := range []bool{false, true} {
		err = s.writeReceived(ctx, user, received(), operation, func(ctx context.Context, tx pgx.Tx) error {
			p := &plan{outcomes: make([]health.Outcome, count)}
			if err := compare(ctx, tx, p); err != nil {
				return err
			}
			written = store.Written{Outcomes: p.outcomes}
			if carefully {
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

// refuse leaves out an element for a reason that is known without asking the database.
func (p *plan) refuse(index int, fault error) {
	p.writes = append(p.writes, elementWrite{index: index, err: fault})
}

func (p *plan) run(ctx context.Context, tx pgx.Tx) error {
	together := map[string][]any{} // arrays, by the statement that takes them
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
			together[st.sql] = appendRow(together[st.sql], st.args)
		}
	}
	batch := &pgx.Batch{}
	for sql, arrays := range together {
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

// appendRow adds one entry to each of the arrays, which are none before the first row.
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
		written.Outcomes[w.index] = health.Rejected
		written.Refused = withReason(written.Refused, w.index, reason)
	}
	return nil
}

func withReason(reasons map[int]string, index int, reason string) map[int]string {
	if reasons == nil {
		reasons = map[int]string{}
	}
	reasons[index] = reason
	return reasons
}
