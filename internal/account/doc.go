// Package account has the users of the server, the API keys that act for them, and the entries of the audit log.
package account
