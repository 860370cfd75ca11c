// Package backend is what the implementations of store share: which table a sample is kept in, ids of names, merging of
// cursors, the comparison of what comes with what is stored, and the summaries that follow the samples. Nothing here runs
// SQL: a store passes in the functions that do.
package backend
