package query

import (
	"context"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// maxGapMinutes is the longest gap within a night that can be set: half a day.
const maxGapMinutes = 720

// minutes is the unit of SleepSettings.
const minutes = 60 * health.Second

// SleepSettings is how a user's sleep is joined, see aggregate.SleepRule.
type SleepSettings struct {
	// GapMinutes is the longest time awake within a night: from 0 to 720, 180 where nothing was set.
	GapMinutes int `json:"gap_minutes"`
}

// SleepSettings returns how the user's sleep is joined.
func (s *Service) SleepSettings(ctx context.Context, user account.User) (SleepSettings, error) {
	rule, err := s.Config.Sleep.SleepRule(ctx, user.ID)
	return SleepSettings{int(rule.Gap / minutes)}, err
}

// SleepRules changes how sleep is joined. It is safe for concurrent use.
type SleepRules struct {
	Store store.SleepRules
	// Invalidator may be nil.
	Invalidator cache.Invalidator
}

// SetSleepSettings replaces the user's settings. All responses follow them at once: nothing is stored that depends on
// them.
func (r *SleepRules) SetSleepSettings(ctx context.Context, user account.User, settings SleepSettings) (SleepSettings, error) {
	if settings.GapMinutes < 0 || settings.GapMinutes > maxGapMinutes {
		return SleepSettings{}, problem.New(problem.Invalid, "invalid_gap",
			"The longest time awake within a night is from 0 to 720 minutes; usual is 180.").In("gap_minutes")
	}
	rule := aggregate.SleepRule{Gap: health.Instant(settings.GapMinutes) * minutes}
	if err := r.Store.SetSleepRule(ctx, user.ID, rule); err != nil {
		return SleepSettings{}, err
	}
	cache.OrNop(r.Invalidator).InvalidateUser(ctx, user.ID)
	return settings, nil
}
