package server

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/problem"
)

// Limits counts requests, and refuses those that exceed an allowance.
type Limits interface {
	Charge(ctx context.Context, actor access.Actor, use access.Use, bytes int64) (*access.Charge, error)
	ChargeAddress(address netip.Addr) error
}

// charge counts an authorized request, and sets the headers of the limits. The body is to be read from the returned
// request, and finish to be called when nobody reads it any more.
func (s *server) charge(w http.ResponseWriter, r *request, row route) (finish func(), err error) {
	switch {
	case s.Limits == nil || row.unlimited():
		return func() {}, nil
	case row.Scope == operation.Open:
		return func() {}, s.auditLimitHit(r, uuid.Nil, row, s.Limits.ChargeAddress(requestLogOf(r.Context()).address))
	}
	use := access.UseRead
	if row.Scope == account.ScopeIngest {
		use = access.UseIngest
	}
	charge, err := s.Limits.Charge(r.Context(), r.Actor, use, r.ContentLength)
	if charge != nil {
		setLimitHeaders(w.Header(), charge)
	}
	if err != nil {
		return nil, s.auditLimitHit(r, r.Actor.User.ID, row, err)
	}
	body := charge.Body(r.Context(), r.Body)
	r.Body = body
	if r.ContentLength < 0 {
		r.Body = &chargedBody{Body: body, charge: charge, header: w.Header()}
	}
	return body.Finish, nil
}

// auditLimitHit adds a refusal to the audit log, and returns it.
func (s *server) auditLimitHit(r *request, user uuid.UUID, row route, err error) error {
	var refusal *problem.Error
	if errors.As(err, &refusal) {
		s.Audit.Add(r.Context(), account.ActionLimitHit, user, row.Method+" "+row.Path, map[string]any{"code": refusal.Code})
	}
	return err
}

// unlimited reports whether the route is for health checks, which are never refused.
func (row route) unlimited() bool { return row.Path == "/health" || row.Path == "/ready" }

// chargedBody sets the headers of the limits again when the whole body has been read: only then the size of a body
// without a length is known.
type chargedBody struct {
	*access.Body
	charge *access.Charge
	header http.Header
}

func (b *chargedBody) Read(p []byte) (int, error) {
	n, err := b.Body.Read(p)
	if errors.Is(err, io.EOF) {
		setLimitHeaders(b.header, b.charge)
	}
	return n, err
}

// setLimitHeaders sets the headers of the limits, under their canonical names. A balance without a limit has none.
func setLimitHeaders(header http.Header, c *access.Charge) {
	if b := c.Requests; b.Limit > 0 {
		values := balanceValues(b)
		header["X-Ratelimit-Limit"], header["X-Ratelimit-Remaining"], header["X-Ratelimit-Reset"] = values[:1:1], values[1:2:2], values[2:]
	}
	if b := c.Bytes; b.Limit > 0 {
		values := balanceValues(b)
		header["X-Ratelimit-Bytes-Limit"], header["X-Ratelimit-Bytes-Remaining"], header["X-Ratelimit-Bytes-Reset"] = values[:1:1], values[1:2:2], values[2:]
	}
}

// balanceValues returns the limit, what remains, and the seconds until all of it is available again.
func balanceValues(b access.Balance) []string {
	return []string{strconv.FormatInt(b.Limit, 10), strconv.FormatInt(b.Remaining, 10), seconds(b.Reset)}
}

// seconds rounds up, so that a client that waits so long has waited long enough.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
