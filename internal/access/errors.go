package access

import (
	"time"

	"github.com/health-export/health-export/internal/health"
)

// None of these sentences holds a part of the key that was presented.

func errMissingKey() *health.Error {
	return unauthenticated("missing_key",
		"An API key is needed: send it as \"Authorization: Bearer hea_…\", in the header X-API-Key or api-key, or as the "+
			"password of Basic authentication. \"health-export key create\" makes one.")
}

func errMalformedKey() *health.Error {
	return unauthenticated("malformed_key",
		"The API key has a typing error or a part of it is missing: copy it again, all 66 characters from hea_ on.")
}

// errUnknownKey is the answer to a wrong secret as well, so that it does not tell which ids exist.
func errUnknownKey() *health.Error {
	return unauthenticated("unknown_key",
		"This server does not know the API key: check that it was made here, or make a new one with "+
			"\"health-export key create\".")
}

func errRevokedKey() *health.Error {
	return unauthenticated("revoked_key",
		"The API key has been revoked: make a new one with \"health-export key create\" and put it in its place.")
}

func errExpiredKey() *health.Error {
	return unauthenticated("expired_key",
		"The API key has expired: make a new one with \"health-export key create\" and put it in its place.")
}

func errTooManyFailures(wait time.Duration) *health.Error {
	return health.New(health.RateLimited, "too_many_failures",
		"Too many wrong API keys came from this address. Wait, and check the key in every device and program that uses this "+
			"server.").After(wait)
}

func errTooManyVerifications() *health.Error {
	return health.New(health.Unavailable, "door_busy",
		"Too many API keys are being checked at this moment. Try again in a few seconds.").After(5 * time.Second)
}

func unauthenticated(code, message string) *health.Error {
	return health.New(health.Unauthenticated, code, message)
}

func invalid(field, code, message string) *health.Error {
	return health.New(health.Invalid, code, message).In(field)
}
