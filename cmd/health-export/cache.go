package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
)

func (p *program) cacheCommand() *cobra.Command {
	command := &cobra.Command{Use: "cache", Short: "Look into the answers remembered in Redis, and forget them"}
	command.AddCommand(p.cacheStatsCommand(), p.cacheFlushCommand())
	return command
}

func (p *program) cacheStatsCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "stats", Short: "Count what is remembered in Redis", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withRedis(cmd.Context(), func(ctx context.Context, redis *cache.Redis) error {
				stats, err := redis.Stats(ctx)
				if err != nil {
					return redisUnreachable(err)
				}
				row := []int64{stats.Responses, stats.Versions, stats.Limits, stats.Memory, int64(stats.Nodes)}
				return p.print(stats, "ANSWERS\tVERSIONS\tLIMITS\tMEMORY\tNODES", func(int) []string {
					cells := make([]string, len(row))
					for i, n := range row {
						cells[i] = strconv.FormatInt(n, 10)
					}
					return cells
				}, 1)
			})
		},
	}
	p.addJSONFlag(command)
	return command
}

func (p *program) cacheFlushCommand() *cobra.Command {
	return &cobra.Command{
		Use: "flush", Short: "Forget all remembered answers; what keys have used of their limits stays", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withRedis(cmd.Context(), func(ctx context.Context, redis *cache.Redis) error {
				n, err := redis.Flush(ctx)
				if err != nil {
					return redisUnreachable(err)
				}
				_, err = fmt.Fprintf(p.out, "Forgot %d keys.\n", n)
				return err
			})
		},
	}
}

// withRedis connects to the configured Redis for one command.
func (p *program) withRedis(ctx context.Context, do func(context.Context, *cache.Redis) error) error {
	if p.settings.redis == "" {
		return usageError{problem.New(problem.Invalid, "no_redis",
			"There is no Redis configured (--redis, REDIS_URL). Without one, answers are remembered in the memory of the "+
				"server process: its metrics tell how many, and a restart forgets them.")}
	}
	redis, err := cache.OpenRedis(p.settings.redis, cache.RedisOptions{Timeout: time.Second})
	if err != nil {
		return usageError{err}
	}
	defer redis.Close()
	return do(ctx, redis)
}

func redisUnreachable(cause error) error {
	return problem.New(problem.Unavailable, "redis_unreachable",
		"Redis does not answer. Check REDIS_URL, and that the server runs.").Because(cause)
}
