// Package health is the domain: what a person's health data consists of, what makes two pieces of it the same, and how
// two of the same merge. Its functions are pure; it depends on no vendor's format, database or HTTP.
package health
