// Package aggregate computes aggregates of samples: which of overlapping sources counts, which grain answers for a
// bucket, days and hours, means, sleep by night, the splits and zones of a workout. docs/counting.md states the rules.
//
// Its functions are pure: they use neither a store nor the current time, and a result depends only on the samples and
// the Rule.
package aggregate
