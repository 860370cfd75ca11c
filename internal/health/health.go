// Package health holds the words of the product: what a person's health data is made of, what makes two pieces of it
// the same, and the rules about them as pure functions. Every other room speaks in these words; none of them knows a
// vendor's format, a database or HTTP from here.
package health
