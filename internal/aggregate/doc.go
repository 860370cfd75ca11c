// Package aggregate is how figures are made of stored samples: which of overlapping sources counts, which grain answers for
// a bucket, days and hours, means, sleep by night, the splits and zones of a workout. docs/counting.md states the rules.
//
// Its functions are pure: they read no store and no clock, and a figure depends only on the samples and the Rule.
package aggregate
