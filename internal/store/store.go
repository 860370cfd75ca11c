// Package store is the contract between the product and its database: small interfaces (roles) that a database
// implements and that other packages depend on one by one. Package storetest tests the contract on every implementation.
//
// What holds for every method:
//
//   - It is one transaction: all of it happens, or nothing. No transaction outlives the call.
//   - Times are kept in UTC to the microsecond.
//   - An error has a problem.Kind where the caller can act on it: NotFound, Conflict, or Unavailable (the store cannot
//     be reached, is full or is read-only; the same call may succeed later). A cancelled context returns its own error.
//   - It may be called from several goroutines at once, and by several processes on one database.
//   - A user's data is reached only with that user's id; the id of something that another user owns is NotFound.
//   - Audit entries that a method takes are written in its transaction: the change and its entries are both stored, or
//     neither is.
package store

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// Store is everything a database offers. Only the program that opens it has a Store; every other package names the roles
// it needs.
type Store interface {
	Users
	Erasure
	Keys
	Audit
	Archive
	Inbox
	Writer
	SampleReader
	SleepReader
	SleepRules
	WorkoutReader
	EventReader
	SummaryReader
	SummaryWriter
	CacheFence
	Leases
	Outbox
	Deliveries
	Maintenance
	Diagnostics

	// Ping returns nil when the database answers.
	Ping(ctx context.Context) error
	// Measure registers the metrics of the database with registerer. It is called once, before anything else.
	Measure(registerer prometheus.Registerer)
	// Capabilities says in what the database differs from the others.
	Capabilities() Capabilities
	// Close waits for calls that are under way and closes the database.
	Close() error
}

// Capabilities are the declared differences between stores.
type Capabilities struct {
	// Name is the kind of database: sqlite, postgres.
	Name string
	// SingleServer is true where only one server process may use the database, so that what another process had claimed
	// can be taken over at start, before the claim has expired.
	SingleServer bool
}

// Users stores the users, who own all data.
type Users interface {
	// CreateUser stores a new user. Conflict: the email address is taken, compared without regard to case.
	CreateUser(ctx context.Context, user account.User, entries ...account.AuditEntry) error
	// User returns one user by id. NotFound.
	User(ctx context.Context, id uuid.UUID) (account.User, error)
	// UserByEmail returns one user by email address, compared without regard to case. NotFound.
	UserByEmail(ctx context.Context, email string) (account.User, error)
	// Users returns all users in the order of their creation.
	Users(ctx context.Context) ([]account.User, error)
	// SetTimeZone sets the time zone of a user, an IANA name. Where it differs from the one before, the user's days are Stale
	// until SummaryWriter.Rebuild has been through all of them. NotFound.
	SetTimeZone(ctx context.Context, user uuid.UUID, zone string, entries ...account.AuditEntry) error
}

// Erasure erases users and their data. When a method has returned, nothing of what it erases is left: no row, no body, no
// audit entry but those that it was given, and no name of a source that no other user has. What was received before is
// not stored afterwards either, even if it is still being processed: Put and the methods of Writer refuse it (Conflict).
type Erasure interface {
	// EraseData erases everything that was stored for a user, and keeps the account and its keys. NotFound.
	EraseData(ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry) error
	// DeleteUser erases everything that was stored for a user with the account and its keys, of which it returns the ids.
	// RevokedSince returns them for a day. NotFound.
	DeleteUser(ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry) (keys []string, err error)
}

// Audit stores the audit log.
type Audit interface {
	// AppendAudit stores entries; one whose id is stored already is skipped. One about a user who was deleted, or whose data
	// was erased after it, is stored without the user.
	AppendAudit(ctx context.Context, entries []account.AuditEntry) error
	// AuditEntries returns entries, newest first (by time, then id, both descending).
	AuditEntries(ctx context.Context, query AuditQuery) ([]account.AuditEntry, error)
	// DropAuditBefore deletes entries from before t. A store may keep some of them up to a month longer.
	DropAuditBefore(ctx context.Context, t time.Time) error
}

// AuditQuery narrows a listing of the audit log. Zero values do not narrow.
type AuditQuery struct {
	// User narrows to the entries about one user; uuid.Nil to those about no user. nil does not narrow.
	User   *uuid.UUID
	Action account.Action
	KeyID  string
	// From is in the range, To is not.
	From, To time.Time
	// Before is the id of the last entry of the page before, BeforeAt its time: only older ones follow.
	Before   uuid.UUID
	BeforeAt time.Time
	Limit    int // required
}

// Keys stores the API keys.
type Keys interface {
	// CreateKey stores a new key. Conflict: its id exists. NotFound: its user does not.
	CreateKey(ctx context.Context, key account.APIKey, entries ...account.AuditEntry) error
	// Key returns one key by its id, also one that is revoked or expired. NotFound.
	Key(ctx context.Context, id string) (account.APIKey, error)
	// KeysOf returns all keys of a user in the order of their creation, revoked ones among them.
	KeysOf(ctx context.Context, user uuid.UUID) ([]account.APIKey, error)
	// RevokeKey marks a key of the user as revoked at t; one that is revoked by then stays as it is, and the entries are
	// not written. NotFound.
	RevokeKey(ctx context.Context, user uuid.UUID, id string, t time.Time, entries ...account.AuditEntry) error
	// RotateKey stores a new key of the same user and marks the one with the given id as revoked at t, which may be in the
	// future. NotFound; Conflict: that one is revoked already, or the new one's id exists.
	RotateKey(ctx context.Context, id string, t time.Time, replacement account.APIKey, entries ...account.AuditEntry) error
	// RevokedSince returns the ids of keys, of any user, that were revoked at t or later, will be, or were deleted with their
	// user since then. Servers poll it every second, so that a key revoked by another process stops working at once.
	RevokedSince(ctx context.Context, t time.Time) ([]string, error)
	// TouchKeys records when keys were last used. A time earlier than the stored one, or an id that does not exist, is
	// skipped.
	TouchKeys(ctx context.Context, used map[string]time.Time) error
}

// Archive stores every body as it was received.
type Archive interface {
	// NextOrder returns the Order of a body of a user that begins to arrive now: the time, but greater than that of every body
	// before it, of any process and whatever the clocks say, and than what was erased. Until Put has stored the body, or
	// ForgetOrder gives it up, it counts as unprocessed. NotFound: there is no such user.
	NextOrder(ctx context.Context, user uuid.UUID, now time.Time) (health.Instant, error)
	// ForgetOrder notes that a body did not arrive. An order that nobody forgets does no harm: it makes Writer compare more.
	ForgetOrder(ctx context.Context, user uuid.UUID, order health.Instant) error
	// Put stores a new ingestion with its body, read to its end from body and stored as it is (the caller has
	// compressed it), claimed by owner until the given time as by Inbox.ClaimNext. When Put returns nil the body is durable.
	// An ingestion whose body is elsewhere has one of no bytes, see Ingestion.ImportDir.
	// Unavailable: the database is full. NotFound: there is no such user. Conflict: see Erasure.
	Put(ctx context.Context, ingestion health.Ingestion, body io.Reader, owner string, until time.Time) error
	// Body returns the stored body for reading; the caller closes it. NotFound.
	Body(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error)
	// Ingestion returns one ingestion without its body. NotFound.
	Ingestion(ctx context.Context, user, id uuid.UUID) (health.Ingestion, error)
	// Ingestions returns a user's ingestions, newest first unless the query says otherwise, without their bodies and with
	// the counts of their reports but not the lists of errors and warnings.
	Ingestions(ctx context.Context, user uuid.UUID, query IngestionQuery) ([]health.Ingestion, error)
	// ActiveUsers counts the users who have an ingestion received since t.
	ActiveUsers(ctx context.Context, since time.Time) (int, error)
}

// IngestionQuery narrows a listing of ingestions. Zero values do not narrow.
type IngestionQuery struct {
	Status health.Status
	Format string // as detected
	// Since and Until bound the time of receipt: Since is in the range, Until is not.
	Since, Until time.Time
	// Before is the id of the last ingestion of the page before: only older ones follow.
	Before uuid.UUID
	// OldestFirst reverses the order; the last ingestion of the page before is then After, and only newer ones follow.
	OldestFirst bool
	After       uuid.UUID
	Limit       int // required
}

// Inbox assigns the ingestions that are archived but not finished to workers. A claim keeps other workers away until it
// expires; a worker that needs longer renews it.
type Inbox interface {
	// ClaimNext claims for owner, until the given time, the oldest unfinished ingestion of any user that is not claimed at
	// now, counts an attempt, and returns it. NotFound: there is none. An ingestion is skipped while an older one of the
	// same user is unfinished and claimed: a user's bodies are processed in the order they were received. Those whose body
	// is in a spool are skipped unless it is the given one, and do not make others wait.
	ClaimNext(ctx context.Context, owner, spool string, now, until time.Time) (health.Ingestion, error)
	// Renew extends owner's claim. Conflict: owner does not hold it any more.
	Renew(ctx context.Context, id uuid.UUID, owner string, until time.Time) error
	// Release gives up owner's claim without finishing, so that the next ClaimNext finds the ingestion after the given
	// time.
	Release(ctx context.Context, id uuid.UUID, owner string, after time.Time) error
	// Finish records the result of the ingestion (format, status, failure, report, duration, finished time, size, digest),
	// ends owner's claim, and clears its spool. Conflict: owner does not hold it any more; nothing is written.
	Finish(ctx context.Context, ingestion health.Ingestion, owner string, entries ...account.AuditEntry) error
	// Reopen makes a finished ingestion unfinished again, claimed by owner, and counts an attempt. NotFound; Conflict:
	// it is unfinished.
	Reopen(ctx context.Context, user, id uuid.UUID, owner string, until time.Time) (health.Ingestion, error)
	// ReleaseAll ends every claim of every owner. Only for a store with Capabilities.SingleServer, at start.
	ReleaseAll(ctx context.Context) error
	// Unprocessed returns how far the order of a user's older bodies is open, seen by a body of this order: the greatest order
	// below it of a body that is not processed yet (or could not be read and is kept, so that it may be one day), and its own
	// order where an import is unfinished, whose elements may turn out to be older. 0: there is none.
	Unprocessed(ctx context.Context, user uuid.UUID, order health.Instant) (health.Instant, error)
	// Backlog counts the unfinished ingestions and returns when the oldest of them was received (zero for none).
	Backlog(ctx context.Context) (count int, oldest time.Time, err error)
}

// Written is what became of each element of a batch.
type Written struct {
	// Outcomes has one entry per element, in the order of the batch: Inserted, Updated, Unchanged or Rejected.
	Outcomes []health.Outcome
	// Refused holds, for elements that are Rejected, a sentence that may be shown. The database refused that one
	// element; its neighbours are stored.
	Refused map[int]string
	// Summaries is how many summaries of days were written with the batch, and SummingUp how long summing them up took.
	Summaries int
	SummingUp time.Duration
}

// Refuse notes that the database has refused an element, with a sentence that may be shown.
func (w *Written) Refuse(index int, reason string) {
	w.Outcomes[index] = health.Rejected
	if w.Refused == nil {
		w.Refused = map[int]string{}
	}
	w.Refused[index] = reason
}

// Body is the body that a batch came with.
type Body struct {
	User uuid.UUID
	// Order is health.Ingestion.Order, by which Erasure tells what is refused. 0: the batch came with no body.
	Order health.Instant
	// Unprocessed is what Inbox.Unprocessed has returned before the first batch of the body.
	Unprocessed health.Instant
}

// Raise gives a stored element the order of its repeat, which has not changed it, where another body may still be stored
// that comes between the two: it would replace what the repeat says too. It reports whether the element has to be written.
func (b Body) Raise(stored *health.Instant, repeat health.Instant) bool {
	if *stored >= repeat || *stored >= b.Unprocessed {
		return false
	}
	*stored = repeat
	return true
}

// Writer stores the elements of one body in batches. Package health defines which elements have the same identity, and how
// a repeat is merged; a store compares a batch with what is stored and writes only what differs. An unchanged batch writes
// nothing, unless older bodies are unprocessed: then an element that is Unchanged may get another order, see Body.Raise. So
// bodies may be processed in any order.
//
// No two elements of a batch have the same identity. Batches that are written at the same time, also by several processes,
// have the result of being written one after the other. A store may wait for one before it begins another. All elements of
// a batch came with one body. NotFound: there is no such user. Conflict: see Erasure.
type Writer interface {
	// WriteSamples stores normalised samples: those of one metric and unit stand together, ordered by key time. See
	// health.SampleKey and health.Sample.Replaces. said is what their body spoke for with them; a span of the same session
	// is joined with it, see health.Span.Join, and one that is superseded is deleted. The summaries of the days that this
	// changes, and the latest values, are updated in the same transaction.
	WriteSamples(ctx context.Context, body Body, batch []health.Sample, said ...health.Span) (Written, error)
	// WriteSourceDevices notes which devices recorded the samples of sources, each as long as it was seen in all bodies. It is
	// called before the samples of a body are written, which are then ranked by their devices. Where the ranking of sources
	// changes that have samples already, the user's days become Stale, and reranked is true.
	WriteSourceDevices(ctx context.Context, body Body, devices []health.SourceDevice) (reranked bool, err error)
	// WriteNights stores summed sleep, see health.AddNight. A night that is Unchanged may be written: that a later body has it
	// too is kept, so that the order in which bodies are processed makes no difference.
	WriteNights(ctx context.Context, body Body, batch []health.Night) (Written, error)
	// WriteSegments stores stages of sleep; a stored segment is Unchanged, or Updated where its attributes differ.
	WriteSegments(ctx context.Context, body Body, batch []health.Segment) (Written, error)
	// WriteWorkouts stores workouts with their series and routes. See health.Workout.SameWorkout and MergeFrom. A
	// workout with an app id is compared first with the one that has the same id, then with one without an id that has
	// the same name, start and end.
	WriteWorkouts(ctx context.Context, body Body, batch []health.Workout) (Written, error)
	// WriteEvents stores events. See health.EventKey and health.Event.MergeFrom. Several of a batch may have one kind,
	// start and name: each is stored under a Digest of its own, see health.Event.DigestAmong.
	WriteEvents(ctx context.Context, body Body, batch []health.Event) (Written, error)
	// WriteECGs stores electrocardiograms. See health.ECG.
	WriteECGs(ctx context.Context, body Body, batch []health.ECG) (Written, error)
}

// Range is a time interval: From is in it, To is not. A zero value leaves that end open.
type Range struct {
	From, To health.Instant
}

// MetricInfo describes what a user has of one metric in one unit.
type MetricInfo struct {
	Metric string
	Unit   string
	Count  int64
	// First and Last are the earliest and the latest start.
	First, Last health.Instant
	Sources     []string       // in order
	Grains      []health.Grain // in order
}

// SampleQuery asks for the samples of one metric.
type SampleQuery struct {
	Metric string
	// Unit narrows to samples stored in this unit; "" is all of them.
	Unit string
	Range
	Grains []health.Grain // nil: all
	Source string         // "": all
	// After is the key of the last sample of the page before: only later ones follow, in the order of Samples.
	After *health.SampleKey
	Limit int // 0: all
}

// SampleReader reads back what WriteSamples stored.
type SampleReader interface {
	// Metrics returns what the user has, ordered by name and unit.
	Metrics(ctx context.Context, user uuid.UUID) ([]MetricInfo, error)
	// Samples yields samples whose Start is in the range, ordered by key time, grain, end, source and unit. It stops
	// at the first error. The caller must not write to the same user while it iterates.
	Samples(ctx context.Context, user uuid.UUID, query SampleQuery) iter.Seq2[health.Sample, error]
	// Spans returns what bodies spoke for of the metric and unit of the query, where it overlaps the range, in no order. The
	// other fields of the query are ignored. See health.Span.
	Spans(ctx context.Context, user uuid.UUID, query SampleQuery) ([]health.Span, error)
	// Latest returns the latest sample of every metric the user has, ordered by name and unit; of several grains with
	// the same start, the finest. One without a value is returned only where the metric has no other. Whether it is
	// Inferred is not among what is returned.
	Latest(ctx context.Context, user uuid.UUID) ([]health.Sample, error)
}

// SleepReader reads back sleep.
type SleepReader interface {
	// Nights returns the nights whose date is from the first to the last, both included, ordered by date, start and source.
	Nights(ctx context.Context, user uuid.UUID, first, last health.Date) ([]health.Night, error)
	// Segments returns the segments that end in the range, ordered by start, end, source and stage.
	Segments(ctx context.Context, user uuid.UUID, r Range) ([]health.Segment, error)
	// SleepRule returns the rule that the user has set; where there is none, that of aggregate.DefaultSleepGap.
	SleepRule(ctx context.Context, user uuid.UUID) (aggregate.SleepRule, error)
}

// SleepRules keeps how the sleep of users is joined. Nothing that is stored depends on it.
type SleepRules interface {
	// SetSleepRule replaces the user's rule. NotFound: there is no such user.
	SetSleepRule(ctx context.Context, user uuid.UUID, rule aggregate.SleepRule) error
}

// WorkoutQuery narrows a listing of workouts. Zero values do not narrow.
type WorkoutQuery struct {
	Range        // of the start
	Name  string // without regard to case
	Box   *health.Box
	Near  *health.Circle
	// Before is the id of the last workout of the page before, BeforeStart its start: only older ones follow.
	Before      uuid.UUID
	BeforeStart health.Instant
	Limit       int // required
}

// WorkoutReader reads back workouts.
type WorkoutReader interface {
	// Workouts returns workouts without series and routes, newest first (by start, then id, both descending).
	Workouts(ctx context.Context, user uuid.UUID, query WorkoutQuery) ([]health.Workout, error)
	// Workout returns one workout with its series and its route. NotFound.
	Workout(ctx context.Context, user, id uuid.UUID) (health.Workout, error)
}

// EventQuery narrows a listing of events. Zero values do not narrow.
type EventQuery struct {
	Range
	Kind  string
	Name  string           // as it was sent
	After *health.EventKey // the last event of the page before
	Limit int              // 0: all
}

// EventReader reads back events and electrocardiograms.
type EventReader interface {
	// Events returns events ordered by start, kind, name, app id and digest. Events without a time have start 0.
	Events(ctx context.Context, user uuid.UUID, query EventQuery) ([]health.Event, error)
	// ECGs returns the electrocardiograms that start in the range, ordered by start; voltages only if asked.
	ECGs(ctx context.Context, user uuid.UUID, r Range, voltages bool) ([]health.ECG, error)
}

// CacheFence protects against stale entries of the cache that several servers share. It is in the database, so that all of
// them see it even while the cache cannot be reached: entries that an unreachable cache still has may be outdated.
type CacheFence interface {
	// CacheEpoch returns the epoch of valid entries, and for how long from now the cache must not be read; 0: it may be.
	CacheEpoch(ctx context.Context) (epoch int64, distrusted time.Duration, err error)
	// InvalidateCache makes CacheEpoch return to all servers, for d at least, that the cache must not be read. Where that is
	// not the case already for half of d at least, a new epoch begins. since is for how long it has been the case, 0 for a
	// new epoch.
	InvalidateCache(ctx context.Context, d time.Duration) (since time.Duration, err error)
}

// Maintenance is periodic work on a database; jobs call it.
type Maintenance interface {
	// Prepare creates ahead of time what writing will soon need, such as partitions. What is missing all the same is
	// created when it is needed.
	Prepare(ctx context.Context, now time.Time) error
	// DropArchiveBefore deletes the ingestions that were received before t with their bodies, which can then neither be shown
	// nor replayed. What was stored from them stays, and so does an ingestion that is unfinished. A store may
	// keep some of it up to a month longer.
	DropArchiveBefore(ctx context.Context, t time.Time) error
}

// Diagnostics inspects a database.
type Diagnostics interface {
	// Diagnose reads the state of the database and changes nothing.
	Diagnose(ctx context.Context) (Diagnosis, error)
}

// Diagnosis is the state of a database.
type Diagnosis struct {
	Version string // of the database program
	// Clock is the time of the database's clock, to be compared with the server's.
	Clock time.Time
	// Spatial is the version of the geospatial extension; "" where there is none, or none is needed.
	Spatial string
	// CoveredUntil is the time until which every partitioned table has partitions, from the clock's time on and without a
	// gap. It is zero where nothing is partitioned.
	CoveredUntil time.Time
}

// DayQuery asks for the summaries of local days.
type DayQuery struct {
	// Metric narrows to one metric, Unit to samples stored in one unit; "" is all of them.
	Metric, Unit string
	// First and Last are the first and the last day.
	First, Last health.Date
	// Hours asks for the hours of the days too.
	Hours bool
}

// DaySummaries is the result of a DayQuery.
type DaySummaries struct {
	// Days are ordered by metric, unit and date. A day without samples of GrainDay or finer has none.
	Days []aggregate.DaySummary
	// Longer lists the metrics of the query that also have samples longer than a day, which Days do not include.
	Longer []Series
	// Stale is true while the days are being rebuilt for another order of sources. Days is empty then: the samples have to
	// be read instead.
	Stale bool
}

// Series is a metric in one unit.
type Series struct{ Metric, Unit string }

// SummaryReader reads the summaries, which are written in one transaction with the samples: after WriteSamples has returned
// the days include its batch. They are what aggregate.Rule.SumUpDays returns in the order of sources that the user has set.
type SummaryReader interface {
	// DaySummaries returns the summaries of local days.
	DaySummaries(ctx context.Context, user uuid.UUID, query DayQuery) (DaySummaries, error)
	// SourceOrder returns the order of sources that the user has set, with the devices that are known of the sources; the zero
	// value where there is neither.
	SourceOrder(ctx context.Context, user uuid.UUID) (aggregate.SourceOrder, error)
}

// Rebuilt is what a rebuild has changed.
type Rebuilt struct {
	// Days is how many days were summed up, Differed how many of their summaries were missing, wrong, or stored without
	// samples; Latest how many latest values were.
	Days, Differed, Latest int
}

// SummaryWriter updates summaries where writing samples does not.
type SummaryWriter interface {
	// SetSourceOrder replaces the user's order of sources, but not their devices. Where it differs from the one before, the user's days are
	// Stale until Rebuild has been through all of them. NotFound: there is no such user.
	SetSourceOrder(ctx context.Context, user uuid.UUID, order aggregate.SourceOrder) error
	// Rebuild gives the samples that are ZoneAssumed the offset of the user's zone, but for summaries of a day or more; it
	// sums up all days and latest values of a user from the samples, and writes those that differ; it also counts the samples
	// again. It is a series of short transactions, may run while samples are written and again after it was
	// interrupted, and takes bounded memory.
	Rebuild(ctx context.Context, user uuid.UUID) (Rebuilt, error)
	// Stale returns the users whose days are Stale.
	Stale(ctx context.Context) ([]uuid.UUID, error)
}
