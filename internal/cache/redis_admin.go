package cache

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Stats counts what Redis holds for this program.
type Stats struct {
	Responses int64 `json:"answers"`
	Versions  int64 `json:"versions"` // of what responses depend on
	Limits    int64 `json:"limits"`   // counters of API keys
	// Memory is how many bytes the servers use, including those of other programs.
	Memory int64 `json:"memory"`
	Nodes  int   `json:"nodes"`
}

// Stats counts the keys. It reads the names of all keys, which takes a while where there are many.
func (r *Redis) Stats(ctx context.Context) (Stats, error) {
	var stats Stats
	err := r.eachPrimary(ctx, func(node rueidis.Client) error {
		info, err := node.Do(ctx, node.B().Info().Section("memory").Build()).ToString()
		if err != nil {
			return err
		}
		stats.Nodes++
		stats.Memory += infoField(info, "used_memory:")
		return scan(ctx, node, Prefix+"*", func(keys []string) error {
			for _, key := range keys {
				switch {
				case strings.HasPrefix(key, Prefix+"limit:"):
					stats.Limits++
				case strings.Contains(key, "}:answer:"):
					stats.Responses++
				default:
					stats.Versions++
				}
			}
			return nil
		})
	})
	return stats, err
}

// Flush deletes all responses and versions, and returns how many keys that were. The counters of limits stay.
func (r *Redis) Flush(ctx context.Context) (flushed int64, err error) {
	return r.deleteAll(ctx, "cache:")
}

// DeleteAll is Cache.DeleteAll.
func (r *Redis) DeleteAll(ctx context.Context, prefix string) error {
	_, err := r.deleteAll(ctx, prefix)
	return err
}

func (r *Redis) deleteAll(ctx context.Context, prefix string) (deleted int64, err error) {
	err = r.eachPrimary(ctx, func(node rueidis.Client) error {
		return scan(ctx, node, escapePattern(Prefix+prefix)+"*", func(keys []string) error {
			var commands rueidis.Commands
			for _, key := range keys { // one by one: keys of several users are in several slots of a cluster
				commands = append(commands, node.B().Unlink().Key(key).Build())
			}
			for _, result := range node.DoMulti(ctx, commands...) {
				n, err := result.AsInt64()
				if err != nil {
					return err
				}
				deleted += n
			}
			return nil
		})
	})
	return deleted, err
}

// escapePattern returns the pattern that matches only this text.
func escapePattern(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}

// eachPrimary calls do for every node that holds keys and is no replica.
func (r *Redis) eachPrimary(ctx context.Context, do func(node rueidis.Client) error) error {
	client := r.client.Load()
	if client == nil || r.Ping(ctx) != nil {
		return ErrUnreachable
	}
	for address, node := range (*client).Nodes() {
		role, err := node.Do(ctx, node.B().Role().Build()).ToArray()
		if err != nil || len(role) == 0 {
			return fmt.Errorf("%w: %s: %w", ErrUnreachable, address, err)
		}
		if name, err := role[0].ToString(); err != nil || name != "master" {
			continue
		}
		if err := do(node); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnreachable, address, err)
		}
	}
	return nil
}

// scan calls do with the matching keys of a node, page by page. A key may come twice.
func scan(ctx context.Context, node rueidis.Client, pattern string, do func(keys []string) error) error {
	var cursor uint64
	for {
		page, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(pattern).Count(1000).Build()).AsScanEntry()
		if err != nil {
			return err
		}
		if len(page.Elements) > 0 {
			if err := do(page.Elements); err != nil {
				return err
			}
		}
		if cursor = page.Cursor; cursor == 0 {
			return nil
		}
	}
}

// infoField returns the number of a field in the output of INFO, 0 where there is none.
func infoField(info, name string) int64 {
	_, rest, _ := strings.Cut(info, "\n"+name)
	digits, _, _ := strings.Cut(rest, "\r")
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}
