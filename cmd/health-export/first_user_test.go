package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// emptyAtFirst is a store that another instance fills between the look and the leap.
type emptyAtFirst struct{ database }

func (emptyAtFirst) Users(context.Context) ([]account.User, error) { return nil, nil }

func TestFirstUserOfTheSecondInstance(t *testing.T) {
	metricCatalog, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.OpenMemory(t.Context(), metricCatalog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	user, err := account.NewUser(firstUser, "Owner", "UTC", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := &program{out: &out}
	if err := p.createFirstUser(t.Context(), &components{store: emptyAtFirst{db}}, "127.0.0.1:8080"); err != nil || out.Len() > 0 {
		t.Errorf("an instance that comes second fails with %v and prints %q", err, out.String())
	}
}
