package postgres_test
import ("testing";"time";"fmt";"os"; "github.com/health-export/health-export/internal/store/postgres")
func TestProbe(t *testing.T) {
	u := os.Getenv("PROBE_URL")
	s, err := postgres.Open(t.Context(), u, nil, postgres.Options{MaxConns: 2, MinConns: 1})
	if err != nil { t.Fatal(err) }
	b := &testing.B{}
	_ = b
	p := newPerson(t, s, u, 100000, 10000)
	for i:=0;i<60;i++ { 
		at:=time.Now(); if err:=p.write(s,p.batches);err!=nil{t.Fatal(err)}
		fmt.Println("same", 100000/time.Since(at).Seconds())
	}
	fmt.Println(p.user)
}
