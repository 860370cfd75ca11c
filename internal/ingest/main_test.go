package ingest

import (
	"testing"

	"github.com/health-export/health-export/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }
