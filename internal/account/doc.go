// Package account is who uses the server: users, the API keys that act for them, and the entries of the audit log that
// say who did what.
package account
