package account

import (
	"cmp"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/problem"
)

// User is a person who has data on the server.
type User struct {
	ID        uuid.UUID
	Email     string // unique, compared without regard to case
	Name      string
	TimeZone  string // IANA name; "" is UTC. It is used where a time was sent without a zone
	CreatedAt time.Time
}

// NewUser returns a new user with an id, or an Invalid error that names the field at fault. zone is an IANA name; "" is
// UTC.
func NewUser(email, name, zone string, now time.Time) (User, error) {
	email, name = strings.TrimSpace(email), strings.TrimSpace(name)
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > 254 {
		return User{}, problem.New(problem.Invalid, "invalid_email", "This is not an email address. Give one such as anna@example.org.").In("email")
	}
	if utf8.RuneCountInString(name) > 200 || strings.ContainsFunc(name, unicode.IsControl) {
		return User{}, problem.New(problem.Invalid, "invalid_name", "The name is too long or has control characters. Give at most 200 characters of text.").In("name")
	}
	zone = cmp.Or(zone, "UTC")
	if err := CheckTimeZone(zone); err != nil {
		return User{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return User{}, err
	}
	return User{ID: id, Email: email, Name: name, TimeZone: zone, CreatedAt: now.UTC().Truncate(time.Microsecond)}, nil
}

// Location returns the user's time zone, UTC where none is set or this system does not have it.
func (u User) Location() *time.Location {
	if zone, err := time.LoadLocation(u.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// HasTimeZone reports whether it is known where the user lives. UTC is what is set where nobody said it.
func (u User) HasTimeZone() bool { return u.TimeZone != "" && u.TimeZone != "UTC" }

// CheckTimeZone returns an error of the kind Invalid unless zone is the IANA name of a time zone.
func CheckTimeZone(zone string) error {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return problem.New(problem.Invalid, "invalid_time_zone", "This is not an IANA time zone. Give one such as Europe/Paris.").In("time_zone")
	}
	return nil
}
