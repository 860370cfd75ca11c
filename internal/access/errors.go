package access

import (
	"time"

	"github.com/health-export/health-export/internal/problem"
)

// None of these messages holds a part of the presented key.

func errMissingKey() *problem.Error {
	return unauthenticated("missing_key",
		"An API key is needed: send it as \"Authorization: Bearer hea_…\", in the header X-API-Key or api-key, or as the "+
			"password of Basic authentication. \"health-export key create\" makes one.")
}

func errMalformedKey() *problem.Error {
	return unauthenticated("malformed_key",
		"The API key has a typing error or a part of it is missing: copy it again, all 66 characters from hea_ on.")
}

// errUnknownKey is returned for a wrong secret as well, so that it does not reveal which ids exist.
func errUnknownKey() *problem.Error {
	return unauthenticated("unknown_key",
		"This server does not know the API key: check that it was made here, or make a new one with "+
			"\"health-export key create\".")
}

func errRevokedKey() *problem.Error {
	return unauthenticated("revoked_key",
		"The API key has been revoked: make a new one with \"health-export key create\" and put it in its place.")
}

func errExpiredKey() *problem.Error {
	return unauthenticated("expired_key",
		"The API key has expired: make a new one with \"health-export key create\" and put it in its place.")
}

func errTooManyFailures(wait time.Duration) *problem.Error {
	return problem.New(problem.RateLimited, "too_many_failures",
		"Too many wrong API keys came from this address. Wait, and check the key in every device and program that uses this "+
			"server.").After(wait)
}

func errTooManyVerifications() *problem.Error {
	return problem.New(problem.Unavailable, "door_busy",
		"Too many API keys are being checked at this moment. Try again in a few seconds.").After(5 * time.Second)
}

func unauthenticated(code, message string) *problem.Error {
	return problem.New(problem.Unauthenticated, code, message)
}

func invalid(field, code, message string) *problem.Error {
	return problem.New(problem.Invalid, code, message).In(field)
}
